// The convolution bench: settings go to the lab, maps come back, the window moves over them.

import { attempt, debounced, get, post, upload } from "./request.js";
import { byId, element } from "./dom.js";
import { MapPicture } from "./bench_canvas.js";
import { arithmetic, paddingWords, regionOfPlace, size, sumOfPlace, windowsOf } from "./bench_words.js";
import { followWindow } from "./bench_player.js";
import { kernelTable, learnedKernels, readKernel } from "./bench_kernel.js";

const GAP = { wide: 28, narrow: 10 };
const CELLS = { least: 7, most: 44 };
const part = (name) => byId(`bench-${name}`);
const chosen = (name) => document.querySelector(`input[name=bench-${name}]:checked`).value;

const state = { picture: null, kernel: [], told: null };
let image, map, pool, player;

function asked() {
  return {
    picture: state.picture,
    sample: part("sample").value || "boot",
    side: Number(part("side").value),
    kernel: state.kernel,
    stride: Number(part("stride").value),
    dilation: Number(part("dilation").value),
    padding: chosen("padding"),
    pool: chosen("pool"),
    pool_size: Number(part("region").value),
    relu: part("relu").checked,
  };
}

const follow = debounced(async (signal) => {
  const settings = asked();
  const told = await post("/api/design/bench/map", settings, signal);
  part("problem").textContent = told.problem || "";
  part("problem").hidden = !told.problem;
  byId("bench-shown").classList.toggle("stale", Boolean(told.problem));
  if (told.problem) return;
  state.told = { ...told, settings };
  lay();
  const sizes = state.told.conv.values.map(Math.abs);
  player.restart(sizes.length, sizes.indexOf(Math.max(...sizes)));
}, 40);

const shownIn = () => document.querySelector(".canvases");

// Cells are as large as the page lets all maps stand side by side, or else below each other.
function lay() {
  const { image: shown, conv, pool: pooled } = state.told;
  const pad = {
    top: conv.rows.before, bottom: conv.rows.after,
    left: conv.columns.before, right: conv.columns.after,
  };
  const maps = [shown.shape[1] + pad.left + pad.right, conv.columns.outputs];
  if (pooled) maps.push(pooled.columns.outputs);
  const room = shownIn().clientWidth, narrow = room < 620;
  const columns = maps.reduce((sum, one) => sum + one, 0);
  let cell = Math.floor((room - (narrow ? GAP.narrow : GAP.wide) * (maps.length - 1)) / columns);
  if (cell < CELLS.least && !narrow) cell = Math.floor(room / Math.max(...maps));
  cell = Math.min(Math.max(cell, 3), CELLS.most);
  image.set({ rows: shown.shape[0], columns: shown.shape[1], values: shown.values, pad, grey: true },
    cell);
  map.set({ rows: conv.rows.outputs, columns: conv.columns.outputs, values: conv.values }, cell);
  part("pool-figure").hidden = !pooled;
  if (pooled) {
    pool.set({ rows: pooled.rows.outputs, columns: pooled.columns.outputs, values: pooled.values },
      cell);
    part("pool-words").textContent = size(pooled);
  }
  part("image-words").textContent = `${shown.shape.join("×")}${paddingWords(conv)}`;
  part("map-words").textContent = size(conv);
  part("arithmetic").textContent = arithmetic(conv);
}

function windowAt(slid, [row, column]) {
  const { rows, columns } = slid;
  const mark = {
    row: row * rows.stride - rows.before, column: column * columns.stride - columns.before,
    rows: rows.span, columns: columns.span,
  };
  if (rows.dilation > 1) {
    mark.taps = [];
    for (let down = 0; down < rows.kernel; down += 1) {
      for (let along = 0; along < columns.kernel; along += 1) {
        mark.taps.push([down * rows.dilation, along * columns.dilation]);
      }
    }
  }
  return mark;
}

function seen(picture, slid, place) {
  const { row, column } = windowAt(slid, place);
  return Array.from({ length: slid.rows.kernel }, (_, down) =>
    Array.from({ length: slid.columns.kernel }, (__, along) =>
      picture.value(row + down * slid.rows.dilation, column + along * slid.columns.dilation)));
}

// Shows what the window sees at `place`, and the map; as far as it has come, if it is on its way.
function showPlace(place, onItsWay, words) {
  const { conv, pool: pooled, settings } = state.told;
  const wide = conv.columns.outputs;
  const at = [Math.floor(place / wide), place % wide];
  const there = (row, column) => !onItsWay || row * wide + column <= place;
  image.draw(() => true, [windowAt(conv, at)]);
  map.draw(there, [{ row: at[0], column: at[1], rows: 1, columns: 1 }]);
  if (pooled) pool.draw((row, column) => there(...end(pooled, row, column)), []);
  if (words) {
    part("sum").replaceChildren(...sumOfPlace(at, seen(image, conv, at), settings.kernel,
      map.value(...at)));
  }
}

function end(pooled, row, column) {
  return [row * pooled.rows.stride + pooled.rows.span - 1,
    column * pooled.columns.stride + pooled.columns.span - 1];
}

function showRegion(at) {
  const { pool: pooled, settings } = state.told;
  const all = () => true;
  image.draw(all, []);
  map.draw(all, [windowAt(pooled, at)]);
  pool.draw(all, [{ row: at[0], column: at[1], rows: 1, columns: 1 }]);
  const region = seen(map, pooled, at).map((line) => line.map((value) =>
    settings.relu && value !== null ? Math.max(value, 0) : value));
  part("sum").replaceChildren(...regionOfPlace(at, region, pool.value(...at), settings.pool));
}

function showPixel([row, column]) {
  const { conv } = state.told;
  const value = image.value(row, column);
  const windows = windowsOf(row, conv.rows) * windowsOf(column, conv.columns);
  const what = value === null ? "A zero of the padding"
    : `Row ${row + 1}, column ${column + 1} of the image: ${value.toFixed(2)}`;
  part("sum").replaceChildren(element("p", null,
    `${what}. It takes part in ${windows} window${windows === 1 ? "" : "s"}.`));
}

// The place whose window has its middle nearest to a pixel.
function nearest(pixel, { before, span, stride, outputs }) {
  const place = Math.round((pixel + before - (span - 1) / 2) / stride);
  return Math.min(Math.max(place, 0), outputs - 1);
}

function pointers() {
  const over = (canvas, picture, work) => canvas.addEventListener("pointermove", (event) => {
    const place = state.told && picture.at(event);
    if (!place) return;
    player.pause();
    work(place);
  });
  over(part("map"), map, ([row, column]) =>
    player.goTo(row * state.told.conv.columns.outputs + column));
  over(part("pool"), pool, showRegion);
  over(part("image"), image, showPixel);
  part("image").addEventListener("click", (event) => {
    const pixel = state.told && image.at(event);
    if (!pixel) return;
    const { rows, columns } = state.told.conv;
    player.goTo(nearest(pixel[0], rows) * columns.outputs + nearest(pixel[1], columns));
  });
  for (const canvas of [part("pool"), part("image")]) {
    canvas.addEventListener("pointerleave", () => state.told && player.show());
  }
}

async function give(file) {
  if (!file) return;
  await attempt(async () => {
    state.picture = (await upload("/api/design/bench/picture", file)).id;
    part("sample").value = "";
    follow();
  });
}

function pictures() {
  part("file").addEventListener("change", (event) => {
    give(event.target.files[0]);
    event.target.value = "";
  });
  part("sample").addEventListener("change", () => { state.picture = null; follow(); });
  const open = () => !byId("bench").hidden;
  document.addEventListener("dragover", (event) => open() && event.preventDefault());
  document.addEventListener("drop", (event) => {
    if (!open()) return;
    event.preventDefault();
    give(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => open() && give(event.clipboardData.files[0]));
}

function settings() {
  for (const output of document.querySelectorAll("#bench-form output")) {
    const input = byId(output.htmlFor[0]);
    const say = () => { output.textContent = input.value; };
    input.addEventListener("input", say);
    say();
  }
  part("form").addEventListener("submit", (event) => event.preventDefault());
  for (const name of ["side", "stride", "dilation", "region", "relu"]) {
    part(name).addEventListener("input", follow);
  }
  for (const radio of part("form").querySelectorAll("input[type=radio]")) {
    radio.addEventListener("change", follow);
  }
}

function kernels() {
  const set = (values) => {
    state.kernel = values;
    kernelTable(part("values"), values);
    follow();
  };
  const select = part("kernel");
  select.addEventListener("change", () => set(JSON.parse(select.selectedOptions[0].dataset.values)));
  part("values").addEventListener("input", () => {
    state.kernel = readKernel(part("values"));
    select.value = "";
    follow();
  });
  learnedKernels(part("run"), part("learned"), (run) => get(`/api/design/bench/learned/${run}`),
    (values) => { select.value = ""; set(values); });
  set(JSON.parse(select.selectedOptions[0].dataset.values));
}

export function openBench() {
  [image, map, pool] = ["image", "map", "pool"].map((name) => new MapPicture(part(name)));
  player = followWindow(showPlace);
  settings();
  pictures();
  pointers();
  kernels();
  let width = 0;
  const again = () => { if (state.told) { lay(); player.show(); } };
  // Canvases change the stage's height themselves: only another width asks for other cells.
  new ResizeObserver(() => {
    const now = shownIn().clientWidth;
    if (now !== width) requestAnimationFrame(again);
    width = now;
  }).observe(shownIn());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
}
