// The page Explain: which networks, which object, and what they say while it moves.

import { Failure, attempt, debounced, get, tell, upload } from "./request.js";
import { byId, element } from "./dom.js";
import { Net } from "./net.js";
import { sketchOn } from "./sketch.js";
import { Stage } from "./stage.js";

const api = "/api/explain";
const query = (values) => new URLSearchParams(values).toString();
const percent = (share) => `${Math.round(100 * share)} %`;

let models = [];
let source = null; // of the object: {place} of a test picture or {upload}
let turn = 0;

const stage = new Stage(byId("stage"), moved);
const nets = [0, 1].map((number) => new Net(number, ask, (top, left) => stage.moveTo(top, left)));

function chosen() {
  return nets.map((net) => net.model).filter(Boolean);
}

function modelQuery(values = {}) {
  const parts = new URLSearchParams(values);
  for (const model of chosen()) parts.append("model", model.id);
  return parts;
}

// While one question is open, only the newest of the others is remembered.
let open = false, waiting = false;
async function ask() {
  if (!stage.object || !chosen().length) return;
  if (open) { waiting = true; return; }
  open = true;
  try {
    do {
      waiting = false;
      const parts = modelQuery({ class_map: "true" });
      for (const net of nets) if (net.model) parts.append("layer", net.layer);
      const begun = performance.now(), { label } = stage.object, at = `${stage.top},${stage.left}`;
      const { nets: found } = await upload(`${api}/look?${parts}`, stage.pixels);
      const taken = performance.now() - begun;
      if (found.length !== chosen().length) continue;
      found.forEach((one, number) => nets[number].showAnswer(one, label, stage));
      byId("speed").textContent = `The last answer took ${Math.round(taken)} ms.`;
      Object.assign(byId("speed").dataset, { at, milliseconds: taken.toFixed(1) });
      tell("");
    } while (waiting);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    tell(error.message);
  } finally {
    open = false;
  }
}

const askEverywhere = debounced(async (signal) => {
  if (!stage.object || !chosen().length) return;
  const { height, width, label } = stage.object;
  const values = { height, width, ...(label === null ? {} : { label }) };
  const path = `${api}/everywhere?${modelQuery(values)}`;
  const places = await upload(path, stage.objectPixels, signal);
  if (places.nets.length !== chosen().length) return;
  chosen().forEach((model, number) => nets[number].showEverywhere(places, number, places.label));
  const told = chosen().map((model, number) =>
    `at ${percent(places.nets[number].share)}${number ? "" : " of all places"} by ${model.name}`);
  byId("verdict").textContent = `${places.label} is recognised ${told.join(", and ")}.`;
}, 120);

function moved() {
  const [top, left] = stage.middle, down = stage.top - top, across = stage.left - left;
  const limits = stage.limits;
  const parts = [];
  if (across) parts.push(`${Math.abs(across)} ${across > 0 ? "right" : "left"}`);
  if (down) parts.push(`${Math.abs(down)} ${down > 0 ? "down" : "up"}`);
  byId("offset").textContent = parts.length ? `${parts.join(", ")} of the middle` : "In the middle";
  for (const [id, range, value, middle] of [["across", limits.left, across, left],
    ["down", limits.top, down, top]]) {
    const slider = byId(id);
    slider.min = range[0] - middle;
    slider.max = range[1] - middle;
    slider.value = value;
    slider.disabled = range[0] === range[1];
  }
  for (const net of nets) if (net.model) net.paintEverywhere(stage.top, stage.left);
  ask();
}

async function showObject(side) {
  if (!source) return;
  const values = { model: chosen()[0].id, ...source, ...(side ? { side } : {}) };
  const object = await get(`${api}/object?${query(values)}`);
  stage.show(object);
  byId("side").max = Math.max(stage.height, stage.width);
  byId("side").value = object.side;
  byId("side-words").textContent = `${object.side} pixels`;
  askEverywhere();
}

function use(next, button) {
  source = next;
  for (const each of byId("pictures").querySelectorAll("[aria-pressed=true]")) {
    each.setAttribute("aria-pressed", "false");
  }
  if (button) button.setAttribute("aria-pressed", "true");
  return attempt(() => showObject());
}

async function useBlob(blob) {
  const { id } = await upload(`${api}/upload`, blob);
  await use({ upload: id });
}

async function showPictures() {
  const found = await get(`${api}/pictures?${query({ model: chosen()[0].id, turn })}`);
  byId("no-pictures").textContent = found.problem || "";
  byId("no-pictures").hidden = !found.problem;
  byId("others").hidden = found.pictures.length === 0;
  byId("pictures").replaceChildren(...found.pictures.map((picture) => {
    const button = element("button", { type: "button", class: "thumb", "aria-pressed": "false",
      title: picture.label }, element("img", { src: picture.png, alt: picture.label, class: "pixels" }));
    button.addEventListener("click", () => use({ place: picture.place }, button));
    return element("li", {}, button);
  }));
}

function comparable(one, other) {
  return String([...one.image.slice(0, 2), one.classes]) ===
    String([...other.image.slice(0, 2), other.classes]);
}

// The second network must read images of the first one's size.
function fillSelects() {
  const first = models.find((model) => model.id === byId("first").value);
  const fits = (model) => String(model.image.slice(0, 2)) === String(first.image.slice(0, 2));
  const second = byId("second"), kept = second.value;
  second.replaceChildren(element("option", { value: "" }, "none"),
    ...options(models.filter((model) => fits(model) && model.id !== first.id)));
  second.value = [...second.options].some((option) => option.value === kept) ? kept : "";
  return first;
}

function options(some) {
  const groups = Map.groupBy ? Map.groupBy(some, (model) => model.group) : grouped(some);
  return [...groups].map(([name, members]) => element("optgroup", { label: name },
    ...members.map((model) => element("option", { value: model.id },
      model.name.includes(model.network) ? model.name : `${model.name} (${model.network})`))));
}

function grouped(some) {
  const groups = new Map();
  for (const model of some) groups.set(model.group, [...(groups.get(model.group) || []), model]);
  return groups;
}

async function choose(anew) {
  const first = fillSelects();
  const pair = [first, models.find((model) => model.id === byId("second").value)];
  const before = nets[0].model;
  const layers = await Promise.all(pair.map(async (model) =>
    (model ? (await get(`${api}/layers?${query({ model: model.id })}`)).layers : [])));
  pair.forEach((model, number) => nets[number].use(model || null, layers[number]));
  stage.setSize(first.image);
  if (anew || !before || before.id !== first.id) {
    await showPictures();
    const button = byId("pictures").querySelector("button");
    if (!source || "place" in source) {
      if (button) { button.click(); return; }
      source = null;
    }
  }
  await showObject();
}

async function begin() {
  ({ models } = await get(`${api}/models`));
  byId("no-models").hidden = models.length > 0;
  byId("bench").hidden = models.length === 0;
  if (!models.length) return;
  byId("first").replaceChildren(...options(models));
  const wished = new URLSearchParams(location.hash.slice(1));
  const dense = models.find((model) => model.name.startsWith("dense,")) ||
    models.find((model) => model.network === "dense");
  const first = models.find((model) => model.id === wished.get("first")) || dense || models[0];
  byId("first").value = first.id;
  fillSelects();
  const rivals = models.filter((model) => model.group === first.group && comparable(model, first));
  const rival = rivals.find((model) => model.name.startsWith("global-pool,")) ||
    rivals.find((model) => model.network !== first.network);
  byId("second").value = wished.get("second") || (first === dense && rival ? rival.id : "");
  if (byId("second").selectedIndex < 0) byId("second").value = "";
  await choose(true);
}

for (const id of ["first", "second"]) byId(id).addEventListener("change", () => attempt(() => choose(false)));
byId("across").addEventListener("input", (event) =>
  stage.moveTo(stage.top, stage.middle[1] + Number(event.target.value)));
byId("down").addEventListener("input", (event) =>
  stage.moveTo(stage.middle[0] + Number(event.target.value), stage.left));
byId("side").addEventListener("input", debounced((signal) => showObject(Number(byId("side").value)), 60));
byId("negative").addEventListener("change", (event) => {
  stage.setNegative(event.target.checked);
  askEverywhere();
});
byId("middle").addEventListener("click", () => stage.toMiddle());
byId("others").addEventListener("click", () => { turn += 1; attempt(showPictures); });
byId("file").addEventListener("change", (event) => {
  const file = event.target.files[0];
  if (file) attempt(() => useBlob(file));
  event.target.value = "";
});
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    const file = kind === "drop" && event.dataTransfer.files[0];
    if (file) attempt(() => useBlob(file));
  });
}
document.addEventListener("paste", (event) => {
  const file = [...event.clipboardData.files][0];
  if (file) attempt(() => useBlob(file));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
  nets.forEach((net) => net.model && net.paintEverywhere()));
sketchOn(byId("sketch"), byId("wipe"), (blob) => attempt(() => useBlob(blob)));
attempt(begin);
