// Checks a change of the policy before it is made, and shows it as a difference; all of it as text.

import { ask } from "./console.js";

const form = document.querySelector("#change");
const outcome = document.querySelector("#outcome");
const good = document.querySelector("#good");
const problems = document.querySelector("#problems");
const diff = document.querySelector("#diff");

function line(place, text, kind) {
  const made = document.createElement("div");
  made.textContent = text || " ";
  made.className = kind;
  place.append(made);
}

document.querySelector("#check").addEventListener("click", async () => {
  problems.replaceChildren();
  diff.replaceChildren();
  outcome.hidden = false;
  try {
    const found = await ask("POST", "/api/v1/policy/check", { text: form.elements.text.value });
    good.textContent = found.ok ? "may be put in force" : "may not be put in force";
    good.className = `mark ${found.ok ? "good" : "bad"}`;
    for (const [list, kind] of [[found.problems, "said bad"], [found.warnings, "said"]]) {
      for (const one of list) {
        const where = [one.file, one.line].filter(Boolean).join(":");
        line(problems, `${where} ${one.setting ?? ""}: ${one.expected ?? one.message ?? ""}${one.got ? `, got ${one.got}` : ""}${one.hint ? ` (${one.hint})` : ""}`, kind);
      }
    }
    for (const text of found.diff.slice(2)) {
      line(diff, text, text.startsWith("@@") ? "at" : text.startsWith("+") ? "add" : text.startsWith("-") ? "del" : "");
    }
    if (!found.diff.length) line(diff, "nothing", "at");
  } catch (error) {
    good.textContent = "may not be put in force";
    good.className = "mark bad";
    line(problems, error.message, "said bad");
  }
});
