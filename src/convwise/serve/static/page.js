"use strict";

// The page asks this server alone, one image a request, a few at a time.
const AT_ONCE = 4;
const LONGEST_WAIT = 30;
const VIEW = 336;

const byId = (id) => document.getElementById(id);
const waiting = [];
let token = "";
let model = null;
let busy = 0;
let done = 0;
let total = 0;

function headers() {
  return token ? { Authorization: `Bearer ${token}` } : {};
}

function make(tag, text = "", name = "") {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  if (name) element.className = name;
  return element;
}

const percent = (share) => `${(100 * share).toFixed(1)} %`;

async function loadModel(name) {
  const query = name ? `?model=${encodeURIComponent(name)}` : "";
  const answer = await fetch(`model${query}`, { headers: headers() });
  if (answer.status === 401) return askForToken();
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error);
  model = told;
  byId("token-form").hidden = true;
  byId("main").hidden = false;
  showModel();
}

function askForToken() {
  if (token) byId("token-note").textContent = "That is not the token of this server.";
  byId("title").textContent = "Who asks?";
  byId("token-form").hidden = false;
  byId("token").focus();
}

function showModel() {
  const image = model.image_format;
  const colours = image.channels === 1 ? "grey" : "colour";
  const facts = [
    `network ${model.network}`,
    `${model.classes.length} classes`,
    `${image.height} × ${image.width} pixels, ${colours}`,
  ];
  if (model.test_accuracy !== null) {
    const images = model.test_images ? ` on ${model.test_images.toLocaleString("en")} images` : "";
    facts.push(`${percent(model.test_accuracy)} right${images}`);
  }
  facts.push(`computed by ${model.runtime}`, `version ${model.version}`);
  document.title = `${model.name} – convwise serve`;
  byId("title").textContent = model.name;
  byId("facts").replaceChildren(...facts.map((fact) => make("span", fact)));
  byId("card").textContent = model.card;
  byId("top").max = model.classes.length;
  byId("top").value = Math.min(byId("top").value, model.classes.length);
  byId("model-choice").hidden = model.models.length < 2;
  byId("model").replaceChildren(...model.models.map((name) => new Option(name, name, false, name === model.name)));
  showCurl();
}

function query() {
  const asked = new URLSearchParams({ top: byId("top").value || "5" });
  if (model.models.length > 1) asked.set("model", model.name);
  return asked;
}

function showCurl() {
  const bearer = token ? ' -H "Authorization: Bearer $CONVWISE_TOKEN"' : "";
  const address = new URL("predict", location.href);
  address.search = query();
  byId("curl").textContent = `curl${bearer} --data-binary @photo.jpg '${address}'`;
}

function add(files) {
  for (const file of files) {
    const item = make("li", "", "answer");
    item.append(make("div", "", "shown"), make("div", "", "told"));
    item.lastChild.append(make("p", file.name || "pasted image", "file"), make("p", "…", "label"));
    byId("answers").prepend(item);
    waiting.push({ file, item, model, explain: byId("explain").checked, query: query() });
    total += 1;
  }
  work();
}

function work() {
  while (busy < AT_ONCE && waiting.length) {
    busy += 1;
    answer(waiting.shift()).finally(() => {
      busy -= 1;
      done += 1;
      work();
    });
  }
  const count = `${total} image${total === 1 ? "" : "s"}`;
  byId("status").textContent = done < total ? `${done} of ${count} answered` : total ? `${count} answered` : "";
}

async function answer(job) {
  const told = job.item.lastChild;
  try {
    const bitmap = await createImageBitmap(job.file).catch(() => null);
    const draw = show(job, bitmap);
    const found = await ask(job);
    told.replaceChildren(told.firstChild, ...answered(found));
    if (found.explanation?.png) draw(await picture(found.explanation.png));
  } catch (error) {
    told.replaceChildren(told.firstChild, make("p", error.message || "no answer", "failed"));
  }
}

async function ask(job) {
  if (job.explain) job.query.set("explain", "grad_cam");
  for (let waited = 0; ; ) {
    const reply = await fetch(`predict?${job.query}`, {
      method: "POST",
      body: job.file,
      headers: { ...headers(), "Content-Type": "application/octet-stream" },
    }).catch(() => { throw new Error("The server does not answer."); });
    const told = await reply.json();
    if (reply.status === 429 && waited < LONGEST_WAIT) {
      const seconds = Number(reply.headers.get("Retry-After")) || 1;
      waited += seconds;
      await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
      continue;
    }
    const first = told.predictions?.[0] ?? told;
    if (first.error) throw new Error(first.error);
    return first;
  }
}

function answered(found) {
  const label = make("p", `${found.label} `, "label");
  label.append(make("span", percent(found.probability)));
  const table = make("table", "", "classes");
  // An object whose names are numbers lists them by number.
  const ranked = Object.entries(found.probabilities).sort((one, other) => other[1] - one[1]);
  for (const [name, share] of ranked) {
    const row = table.insertRow();
    const head = make("th", name);
    head.scope = "row";
    row.append(head);
    const track = make("div", "", "track");
    const bar = make("div", "", "bar");
    bar.style.width = `${100 * share}%`;
    track.append(bar);
    row.insertCell().append(track);
    row.insertCell().textContent = percent(share);
  }
  const parts = [label, table];
  if (found.explanation) {
    const { error, layer } = found.explanation;
    parts.push(make("p", error ?? `Bright: what speaks for ${found.label}, by layer ${layer}`, "small looked"));
  }
  return parts;
}

async function picture(png) {
  const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}

// The picture as the model's own rule frames it, so that a map lies where it belongs.
function show(job, bitmap) {
  const box = job.item.firstChild;
  if (!bitmap) {
    box.replaceChildren(make("p", "no preview", "none small"));
    return () => {};
  }
  const { height, width, resize, pad_value: level } = job.model.image_format;
  const scale = VIEW / Math.max(height, width);
  const canvas = make("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", `${job.file.name || "pasted image"}, as the network frames it`);
  const context = canvas.getContext("2d");
  const frame = placed(bitmap, canvas, resize);
  const paint = () => {
    context.fillStyle = `rgb(${level} ${level} ${level})`;
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.imageSmoothingEnabled = bitmap.width > 64 || bitmap.height > 64;
    context.drawImage(bitmap, ...frame);
  };
  paint();
  box.replaceChildren(canvas);
  return (map) => {
    paint();
    context.drawImage(shade(map), 0, 0, canvas.width, canvas.height);
  };
}

function placed(bitmap, canvas, resize) {
  const across = canvas.width / bitmap.width;
  const down = canvas.height / bitmap.height;
  if (resize === "stretch") return [0, 0, canvas.width, canvas.height];
  const scale = resize === "crop" ? Math.max(across, down) : Math.min(across, down);
  const [wide, high] = [bitmap.width * scale, bitmap.height * scale];
  return [(canvas.width - wide) / 2, (canvas.height - high) / 2, wide, high];
}

// What does not speak for the class is dimmed; what does keeps its colours.
function shade(map) {
  const canvas = make("canvas");
  [canvas.width, canvas.height] = [map.width, map.height];
  const context = canvas.getContext("2d");
  context.drawImage(map, 0, 0);
  const pixels = context.getImageData(0, 0, map.width, map.height);
  for (let place = 0; place < pixels.data.length; place += 4) {
    const share = pixels.data[place] / 255;
    pixels.data.set([0, 0, 0, 205 * (1 - share)], place);
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function images(transfer) {
  return [...(transfer?.files ?? [])];
}

byId("files").addEventListener("change", (event) => {
  add([...event.target.files]);
  event.target.value = "";
});
for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
  window.addEventListener(name, (event) => {
    event.preventDefault();
    byId("drop").classList.toggle("over", name === "dragenter" || name === "dragover");
    if (name === "drop" && model) add(images(event.dataTransfer));
  });
}
window.addEventListener("paste", (event) => model && add(images(event.clipboardData)));
byId("top").addEventListener("change", () => {
  const most = Math.min(20, model.classes.length);
  byId("top").value = Math.max(1, Math.min(most, Math.round(byId("top").value) || 1));
  showCurl();
});
byId("model").addEventListener("change", (event) => start(event.target.value));
byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  token = byId("token").value.trim();
  start();
});

async function start(name) {
  try {
    await loadModel(name);
  } catch (error) {
    byId("title").textContent = "The server does not answer";
    byId("facts").textContent = error.message;
  }
}
start();
