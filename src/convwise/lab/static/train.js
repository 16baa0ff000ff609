// The page Train: the form and its command line, the queue, the runs.

import { debounced, get, post } from "./request.js";
import { askBy, numbersIn } from "./asking.js";
import { byId, element } from "./dom.js";
import { button, fill, showQueue } from "./queue.js";
import { Watch } from "./watch.js";

const form = byId("asked");
const RECIPE = ["epochs", "batch_size", "learning_rate", "time_limit", "patience", "optimizer",
  "balance", "label_smoothing", "shift", "flip", "rotate", "scale", "brightness", "contrast",
  "erase", "mixup"];
const NUMBERS = ["seed", "threads", "image_size"];
const WORDS = new Set(["optimizer", "balance"]);

function asked() {
  const field = (name) => form.elements[name].value.trim();
  const values = { data: field("data"), network: field("known") || field("notation"), recipe: {} };
  for (const name of RECIPE) {
    const given = field(name);
    if (given === "") continue;
    values.recipe[name] = WORDS.has(name) ? given : name === "flip" ? given === "true" : Number(given);
  }
  Object.assign(values, numbersIn(form, NUMBERS));
  if (field("precision")) values.precision = field("precision");
  return values;
}

const showCommand = askBy(form, "/api/train", asked, (entry) => {
  if (entry.state === "running") watch.follow(null);
  byId("watched-title").scrollIntoView({ block: "nearest" });
});

function formChanged() {
  byId("own").hidden = form.elements.known.value !== "";
  byId("data-title").textContent = form.elements.data.selectedOptions[0]?.title || "";
  showCommand();
}

form.addEventListener("input", formChanged);

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
  queue: (entries) => {
    showQueue(entries, "run", (run) => watch.follow(run), () => {});
    showRuns();
    showCommand();
  },
  run: showRuns,
});
const wished = new URLSearchParams(location.hash.slice(1));
if (wished.get("network")) {
  form.elements.known.value = "";
  form.elements.notation.value = wished.get("network");
}
formChanged();
watch.follow(wished.get("run"));
