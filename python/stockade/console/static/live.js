// The live tail: one row for each event as it comes, newest on top; everything is set as text.

const body = document.querySelector("#tail tbody");
const pause = document.querySelector("#pause");
const state = document.querySelector("#state");
const most = 300;
const words = { allowed: "allowed", refused: "refused", would_refuse: "would refuse", failed: "failed" };
let held = [];
let source;

function cell(row, text, kind, name) {
  const made = row.insertCell();
  if (kind) made.className = kind;
  if (name) made.dataset.name = name;
  made.textContent = text;
  return made;
}

function link(made, href) {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.textContent = made.textContent;
  made.replaceChildren(anchor);
}

function show(event) {
  const row = body.insertRow(0);
  row.className = "fresh";
  cell(row, new Date(event.time / 1000).toISOString().slice(11, 23), "nowrap mono");
  const verdict = cell(row, "", "nowrap");
  const mark = document.createElement("span");
  if (event.kind === "notice") {
    mark.className = "mark warn";
    mark.textContent = "notice";
    verdict.append(mark);
    cell(row, event.code, "wide");
    cell(row, event.gateway);
    cell(row, event.detail, "wide");
  } else {
    mark.className = `mark ${event.verdict}`;
    mark.textContent = words[event.verdict] ?? event.verdict;
    verdict.append(mark);
    const asked = event.request ? `${event.request.method} ${event.request.path}` : "(unreadable)";
    link(cell(row, asked, "wide mono"), `/events/${encodeURIComponent(event.id)}`);
    link(cell(row, event.actor), `/actor?id=${encodeURIComponent(event.actor)}`);
    const refusals = event.refusals ?? [];
    cell(row, refusals.length ? refusals[refusals.length - 1].reason : String(event.response?.status ?? ""));
  }
  while (body.rows.length > most) body.deleteRow(-1);
  document.querySelector("#waiting")?.remove();
}

function take(event) {
  if (pause.getAttribute("aria-pressed") === "true") {
    held.push(event);
    if (held.length > most) held.shift();
    state.textContent = `paused, ${held.length} waiting`;
  } else show(event);
}

function open() {
  source = new EventSource(`/api/v1/events/stream${location.search}`);
  source.onopen = () => (state.textContent = "live");
  source.onmessage = (message) => take(JSON.parse(message.data));
  source.onerror = () => (state.textContent = `no connection since ${new Date().toISOString().slice(11, 19)} UTC; trying again`);
}

pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Go on" : "Pause";
  if (!paused) {
    for (const event of held) show(event);
    held = [];
    state.textContent = "live";
  }
});
addEventListener("pagehide", () => source?.close());
open();
