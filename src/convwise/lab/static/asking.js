// A form that stands for a command line, which is shown while one fills it in.

import { attempt, debounced, post } from "./request.js";
import { byId } from "./dom.js";

// Whatever is wrong stands beside the form, and not at the top of the page.
function problem(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = !message;
  byId("start").disabled = Boolean(message);
}

// `asked()` returns what the form holds, for `${api}/command` and `${api}/start`; `started(entry)`
// gets what was put into the queue. Returns what shows the command anew.
export function askBy(form, api, asked, started) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(async () => started(await post(`${api}/start`, asked())));
  });
  byId("copy").addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId("command").textContent);
    byId("copy").textContent = "Copied";
    setTimeout(() => { byId("copy").textContent = "Copy the command"; }, 1500);
  });
  return debounced(async (signal) => {
    const told = await post(`${api}/command`, asked(), signal);
    if (told.command) byId("command").textContent = told.command;
    problem(told.problem || "");
  }, 150);
}

// The numbers of the fields that are filled in.
export function numbersIn(form, names) {
  const given = names.filter((name) => form.elements[name].value.trim() !== "");
  return Object.fromEntries(given.map((name) => [name, Number(form.elements[name].value)]));
}
