// The page Train: the form and its command line, the queue, the runs.

import { attempt, debounced, get, post } from "./request.js";
import { byId, element } from "./dom.js";
import { Watch } from "./watch.js";

const form = byId("asked");
const RECIPE = ["epochs", "batch_size", "learning_rate", "time_limit", "patience", "optimizer",
  "balance", "label_smoothing", "shift", "flip", "rotate", "scale", "brightness", "contrast",
  "erase", "mixup"];
const NUMBERS = new Set(["seed", "threads", "image_size"]);
const WORDS = new Set(["optimizer", "balance"]);

function asked() {
  const field = (name) => form.elements[name].value.trim();
  const values = { data: field("data"), network: field("known") || field("notation"), recipe: {} };
  for (const name of RECIPE) {
    const given = field(name);
    if (given === "") continue;
    values.recipe[name] = WORDS.has(name) ? given : name === "flip" ? given === "true" : Number(given);
  }
  for (const name of NUMBERS) if (field(name) !== "") values[name] = Number(field(name));
  if (field("precision")) values.precision = field("precision");
  return values;
}

// Whatever is wrong stands beside the form, and not at the top of the page.
function problem(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = !message;
  byId("start").disabled = Boolean(message);
}

const showCommand = debounced(async (signal) => {
  const told = await post("/api/train/command", asked(), signal);
  if (told.command) byId("command").textContent = told.command;
  problem(told.problem || "");
}, 150);

function formChanged() {
  byId("own").hidden = form.elements.known.value !== "";
  byId("data-title").textContent = form.elements.data.selectedOptions[0]?.title || "";
  showCommand();
}

form.addEventListener("input", formChanged);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => {
    const entry = await post("/api/train/start", asked());
    if (entry.state === "running") watch.follow(null);
    byId("watched-title").scrollIntoView({ block: "nearest" });
  });
});
byId("copy").addEventListener("click", async () => {
  await navigator.clipboard.writeText(byId("command").textContent);
  byId("copy").textContent = "Copied";
  setTimeout(() => { byId("copy").textContent = "Copy the command"; }, 1500);
});

const STATES = { waiting: "waits", running: "runs", stopping: "is stopping", ended: "ended" };

function button(label, name, work) {
  const made = element("button", { class: "button small-button", type: "button",
    "aria-label": `${label} ${name}` }, label);
  made.addEventListener("click", () => attempt(work));
  return made;
}

function queueRow(entry) {
  const actions = element("td", {});
  if (entry.state === "waiting") {
    actions.append(button("Take out", entry.name, () => post(`/api/train/stop/${entry.id}`, {})));
  } else {
    actions.append(button("Watch", entry.name, () => watch.follow(entry.run)));
  }
  return element("tr", {},
    element("th", { scope: "row" }, entry.name),
    element("td", { class: "words" }, entry.state === "ended" ? entry.message : STATES[entry.state]),
    element("td", { class: "words" }, element("code", {}, entry.command)),
    actions);
}

function fill(id, none, rows) {
  byId(id).tBodies[0].replaceChildren(...rows);
  byId(id).hidden = rows.length === 0;
  byId(none).hidden = rows.length > 0;
}

function showQueue(entries) {
  const order = { running: 0, stopping: 0, waiting: 1, ended: 2 };
  const shown = entries.map((entry, place) => ({ entry, place }));
  // What runs and waits in its order; then what has ended, the last first.
  shown.sort((a, b) => order[a.entry.state] - order[b.entry.state]
    || (a.entry.state === "ended" ? b.place - a.place : a.place - b.place));
  fill("queue", "empty", shown.slice(0, 20).map(({ entry }) => queueRow(entry)));
}

function runRow(run) {
  const actions = element("td", {}, button("Watch", run.name, () => watch.follow(run.id)));
  if (run.resumable) {
    actions.append(" ", button("Go on with", run.name, async () => {
      await post(`/api/train/resume/${run.id}`, {});
      watch.follow(run.id);
    }));
  }
  const accuracy = run.accuracy === null ? "–" : `${(100 * run.accuracy).toFixed(2)} %`;
  return element("tr", {},
    element("th", { scope: "row", title: run.name }, run.name),
    element("td", { class: "words" }, run.status),
    element("td", { class: "epochs" }, String(run.epochs)),
    element("td", {}, accuracy),
    actions);
}

const showRuns = debounced(async (signal) => {
  const { runs } = await get("/api/train/runs", signal);
  fill("runs", "no-runs", runs.map(runRow));
}, 100);

const watch = new Watch({
  queue: (entries) => { showQueue(entries); showRuns(); showCommand(); },
  run: showRuns,
});
const wished = new URLSearchParams(location.hash.slice(1)).get("network");
if (wished) {
  form.elements.known.value = "";
  form.elements.notation.value = wished;
}
formChanged();
watch.follow(null);
