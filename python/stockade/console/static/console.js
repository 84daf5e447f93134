// The behaviour that all pages share. Every change goes to the admin API as JSON; nothing here builds markup from text.

const root = document.documentElement;
const csrf = document.querySelector('meta[name="csrf"]')?.content ?? "";

/** Ask the admin API. Returns the answer; throws an Error whose message is for people. */
export async function ask(method, path, body) {
  const headers = { accept: "application/json" };
  if (csrf) headers["x-csrf-token"] = csrf;
  if (body !== undefined) headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch {
    throw new Error("control does not answer; traffic goes on. Try again in a moment");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) {
    const told = answer.error ?? {};
    const error = new Error([told.message ?? `status ${response.status}`, told.hint].filter(Boolean).join("\n"));
    error.code = told.code;
    throw error;
  }
  return answer;
}

// Theme: the system's until somebody chooses.
function setTheme(theme) {
  if (theme) root.dataset.theme = theme;
  else delete root.dataset.theme;
  document.cookie = `stockade-theme=${theme}; path=/; max-age=${theme ? 31536000 : 0}; samesite=lax`;
}
for (const choice of document.querySelectorAll("select[data-theme-choice]")) {
  choice.value = root.dataset.theme ?? "";
  choice.addEventListener("change", () => setTheme(choice.value));
}

// The menu on a narrow screen.
const frame = document.querySelector(".frame");
for (const button of document.querySelectorAll("[data-menu]")) {
  button.addEventListener("click", () => {
    const open = frame.classList.toggle("open");
    button.setAttribute("aria-expanded", String(open));
    if (open) document.querySelector(".side a")?.focus();
  });
}

function fieldsOf(form) {
  const body = {};
  for (const field of form.elements) {
    if (!field.name || field.disabled) continue;
    if (field.type === "checkbox") {
      if (field.dataset.list) (body[field.name] ??= []).push(...(field.checked ? [field.value] : []));
      else body[field.name] = field.checked;
    } else if (field.value !== "" || field.dataset.empty !== undefined) {
      body[field.name] = field.value;
    }
  }
  // `selector` is one attribute and its value in two fields.
  if ("attribute" in body) {
    body.selector = { [body.attribute]: body.value ?? "" };
    delete body.attribute;
    delete body.value;
  }
  return body;
}

function say(form, text, kind) {
  const place = form.querySelector("output") ?? document.querySelector("#said");
  if (!place) return;
  place.textContent = text;
  place.className = `said ${kind}`;
}

async function send(form, submitter) {
  const [method, path] = (submitter?.dataset.api ?? form.dataset.api).split(" ");
  const body = { ...fieldsOf(form) };
  for (const [name, value] of Object.entries(submitter?.dataset ?? {})) {
    if (name.startsWith("set")) body[name.slice(3).toLowerCase()] = value === "true" ? true : value === "false" ? false : value;
  }
  if (submitter) submitter.disabled = true;
  try {
    const bare = method === "DELETE" || method === "GET";
    const answer = await ask(method, path, bare ? undefined : body);
    const event = new CustomEvent("answered", { bubbles: true, cancelable: true, detail: { answer, body } });
    if (!form.dispatchEvent(event)) return;
    if (form.dataset.then === "stay") say(form, form.dataset.done ?? "done", "good");
    else if (form.dataset.then) location.assign(form.dataset.then);
    else location.reload();
  } catch (error) {
    if (error.code === "signin.code") form.querySelector("[data-code]")?.removeAttribute("hidden");
    say(form, error.message, "bad");
  } finally {
    if (submitter) submitter.disabled = false;
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.dataset.api && !event.submitter?.dataset.api) return;
  event.preventDefault();
  send(form, event.submitter);
});

document.addEventListener("click", (event) => {
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    const text = document.querySelector(copy.dataset.copy)?.textContent ?? "";
    navigator.clipboard?.writeText(text).then(() => {
      const before = copy.textContent;
      copy.textContent = "Copied";
      setTimeout(() => (copy.textContent = before), 1200);
    });
  }
  const opener = event.target.closest("[data-dialog]");
  if (opener) document.getElementById(opener.dataset.dialog)?.showModal();
  if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
});

// Parts that are fetched again as long as the page is looked at. A document that is read this way runs nothing.
const live = [...document.querySelectorAll("[data-live]")].filter((part) => part.id);
const stale = document.querySelector(".stale");
let freshAt = new Date();
function refresh() {
  if (document.hidden || document.querySelector("dialog[open]")) return;
  const request = new XMLHttpRequest();
  request.open("GET", location.href);
  request.responseType = "document";
  request.timeout = 10000;
  const late = () => {
    if (!stale) return;
    stale.textContent = `not updated since ${freshAt.toISOString().slice(11, 19)} UTC`;
    stale.classList.add("shown");
  };
  request.onload = () => {
    if (request.status !== 200 || !request.response) return late();
    freshAt = new Date();
    stale?.classList.remove("shown");
    for (const part of live) {
      const now = request.response.getElementById(part.id);
      const here = document.getElementById(part.id);
      if (!now || !here || here.contains(document.activeElement)) continue;
      if (now.outerHTML !== here.outerHTML) here.replaceWith(document.importNode(now, true));
    }
  };
  request.onerror = late;
  request.ontimeout = late;
  request.send();
}
if (live.length) {
  setInterval(refresh, 5000);
  document.addEventListener("visibilitychange", refresh);
}

// Keys. Letters alone act only where nobody is writing.
const goes = { o: "/", n: "/incidents", l: "/live", e: "/events", i: "/inventory", a: "/actors", d: "/decisions", r: "/rules", p: "/policy", h: "/health", u: "/audit" };
let waiting = false;
const rows = () => [...document.querySelectorAll("tbody tr")].filter((row) => row.querySelector("a"));
function move(step) {
  const all = rows();
  if (!all.length) return;
  const at = all.findIndex((row) => row.classList.contains("chosen"));
  const next = Math.max(0, Math.min(all.length - 1, at + step));
  all[at]?.classList.remove("chosen");
  all[next].classList.add("chosen");
  all[next].querySelector("a").focus();
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") frame?.classList.remove("open");
  if (event.target.closest("input, textarea, select, dialog")) return;
  if (waiting) {
    waiting = false;
    if (goes[event.key]) {
      event.preventDefault();
      location.assign(goes[event.key]);
    }
    return;
  }
  if (event.key === "g") {
    waiting = true;
    setTimeout(() => (waiting = false), 1500);
  } else if (event.key === "/") {
    event.preventDefault();
    document.querySelector("[data-search]")?.focus();
  } else if (event.key === "?") {
    document.getElementById("keys")?.showModal();
  } else if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
});

// Whom a decision would hit, before it is taken.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-preview]");
  if (!button) return;
  const form = button.form;
  if (!form.reportValidity()) return;
  try {
    const { reach } = await ask("POST", "/api/v1/decisions", { ...fieldsOf(form), preview: true });
    const who = reach.sample.length ? `: ${reach.sample.join(", ")}` : "";
    const unseen = reach.unseen.length ? `\nNot counted by ${reach.unseen.join(", ")}: events do not record it.` : "";
    say(form, `It fits ${reach.exchanges} of ${reach.looked_at} recent exchanges (${reach.allowed} of them were allowed), ${reach.actors} actors${who}.${unseen}`, "");
  } catch (error) {
    say(form, error.message, "bad");
  }
});
