// The queue of the lab as a table: what runs, what waits, what has ended.

import { attempt, post } from "./request.js";
import { byId, element } from "./dom.js";

export const STATES = { waiting: "waits", running: "runs", stopping: "is stopping", ended: "ended" };
const MOST = 20;

export function button(label, name, work) {
  const made = element("button", { class: "button small-button", type: "button",
    "aria-label": `${label} ${name}` }, label);
  made.addEventListener("click", () => attempt(work));
  return made;
}

export function fill(id, none, rows) {
  byId(id).tBodies[0].replaceChildren(...rows);
  byId(id).hidden = rows.length === 0;
  byId(none).hidden = rows.length > 0;
}

export function stop(entry) {
  return post(`/api/train/stop/${entry.id}`, {});
}

// The page that shows an entry; its id holds as long as the lab does.
function pageOf(entry) {
  const kind = entry.study ? "study" : "run";
  return `/${entry.study ? "study" : "train"}#${kind}=${encodeURIComponent(entry[kind])}`;
}

function row(entry, kind, watch, changed) {
  const actions = element("td", {});
  if (entry.state === "waiting") {
    actions.append(button("Take out", entry.name, () => stop(entry).then(changed)));
  } else if (entry[kind]) {
    actions.append(button("Watch", entry.name, () => watch(entry[kind])));
  } else {
    actions.append(element("a", { class: "button small-button", href: pageOf(entry),
      "aria-label": `Watch ${entry.name}` }, "Watch"));
  }
  return element("tr", {},
    element("th", { scope: "row" }, entry.name),
    element("td", { class: "words" }, entry.state === "ended" ? entry.message : STATES[entry.state]),
    element("td", { class: "words" }, element("code", {}, entry.command)),
    actions);
}

// `kind` is what this page can show, `run` or `study`, by `watch(id)`; the others are a link away.
// `changed()` is called after something was taken out.
export function showQueue(entries, kind, watch, changed) {
  const order = { running: 0, stopping: 0, waiting: 1, ended: 2 };
  const shown = entries.map((entry, place) => ({ entry, place }));
  // What runs and waits in its order; then what has ended, the last first.
  shown.sort((a, b) => order[a.entry.state] - order[b.entry.state]
    || (a.entry.state === "ended" ? b.place - a.place : a.place - b.place));
  fill("queue", "empty", shown.slice(0, MOST).map(({ entry }) => row(entry, kind, watch, changed)));
}
