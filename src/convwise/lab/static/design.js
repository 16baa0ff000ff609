// The page Design: the editor asks the lab what the text is, a moment after each change.

import { attempt, debounced, get, post, tell } from "./request.js";
import { byId, show } from "./dom.js";
import { keep, kept } from "./memory.js";
import { tabs } from "./tabs.js";
import { openBench } from "./bench.js";

const KEPT = "convwise-design";
const fields = Object.fromEntries(
  ["text", "height", "width", "channels", "classes"].map((id) => [id, byId(id)]));

function asked() {
  const number = (field) => Math.trunc(Number(field.value)) || 0;
  return {
    text: fields.text.value,
    image: [number(fields.height), number(fields.width), number(fields.channels)],
    classes: number(fields.classes),
  };
}

// Undo of the browser reaches over what a fix or the zoo put there.
function write(text) {
  fields.text.focus({ preventScroll: true });
  fields.text.select();
  if (!document.execCommand("insertText", false, text)) fields.text.value = text;
  fields.text.setSelectionRange(0, 0);
  fields.text.scrollTop = 0;
}

const follow = debounced(async (signal) => {
  const network = asked();
  keep(KEPT, network);
  const result = byId("result");
  const told = await post("/api/design/plan", network, signal);
  show(byId("advice"), told.advice);
  fields.text.setAttribute("aria-invalid", String(!told.result));
  result.classList.toggle("stale", !told.result);
  if (told.result) {
    // What was folded out stays so; where one has scrolled to does, too.
    const scrolled = Array.from(result.querySelectorAll(".scroll"), (box) => box.scrollLeft);
    show(result, told.result);
    result.querySelectorAll(".scroll").forEach((box, place) => {
      box.scrollLeft = scrolled[place] || 0;
    });
    globalThis.followLayers(result);
  }
  result.setAttribute("aria-busy", "false");
}, 120);

function restore() {
  const network = kept(KEPT);
  if (network && typeof network.text === "string" && Array.isArray(network.image)) {
    fields.text.value = network.text;
    [fields.height.value, fields.width.value, fields.channels.value] = network.image.map(String);
    fields.classes.value = String(network.classes);
  } else {
    for (const field of Object.values(fields)) field.value = field.dataset.first;
  }
}

byId("editor").addEventListener("submit", (event) => event.preventDefault());
for (const field of Object.values(fields)) field.addEventListener("input", follow);

byId("zoo").addEventListener("change", (event) => attempt(async () => {
  const name = event.target.value;
  if (!name) return;
  const entry = await get(`/api/design/zoo/${encodeURIComponent(name)}`);
  [fields.height.value, fields.width.value, fields.channels.value] = entry.image.map(String);
  fields.classes.value = String(entry.classes);
  write(entry.text);
  event.target.value = "";
  follow();
}));

byId("advice").addEventListener("click", (event) => {
  const button = event.target.closest("[data-fix]");
  if (!button) return;
  write(button.dataset.fix);
  follow();
});

// Source code for other libraries.
const dialog = byId("source");
let address = "";
for (const button of document.querySelectorAll("[data-source]")) {
  button.addEventListener("click", () => attempt(async () => {
    const to = button.dataset.source;
    const made = await post("/api/design/source", { ...asked(), to });
    byId("source-title").textContent = to === "keras" ? "For Keras" : "For PyTorch";
    byId("source-text").textContent = made.source;
    URL.revokeObjectURL(address);
    address = URL.createObjectURL(new Blob([made.source], { type: "text/x-python" }));
    byId("source-save").href = address;
    byId("source-save").download = made.file;
    dialog.showModal();
  }));
}
byId("source-close").addEventListener("click", () => dialog.close());

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    tell("The browser does not let this page copy: mark the text and copy it by hand.");
    return;
  }
  const words = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = words; }, 1500);
}
byId("source-copy").addEventListener("click", (event) => {
  copy(byId("source-text").textContent, event.currentTarget);
});
byId("copy-command").addEventListener("click", (event) => {
  const { text, image, classes } = asked();
  const quoted = `'${text.trim().replaceAll("'", "'\\''")}'`;
  copy(`convwise design ${quoted} --image ${image.join("x")} --classes ${classes}`,
    event.currentTarget);
});

restore();
tabs();
openBench();
// The script that follows the table's rows is loaded before modules run, as it is deferred.
follow();
