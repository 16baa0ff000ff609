// What one network says of the canvas, and what one sees inside it.

import { element } from "./dom.js";
import { paintPixels } from "./stage.js";

const percent = (share) => `${(100 * share).toFixed(1)} %`;
const GAP = 1;
// Orange, which neither theme nor most pictures have.
const HEAT = [255, 122, 26];

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

function colour(name) {
  const probe = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const hex = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i.exec(probe);
  return hex ? hex.slice(1).map((part) => parseInt(part, 16)) : [128, 128, 128];
}

function mixed(from, to, share) {
  return from.map((value, place) => Math.round(value + (to[place] - value) * share));
}

export class Net {
  // `changed()` is called when another layer is chosen, `jumped(top, left)` on a click on the map.
  constructor(number, changed, jumped) {
    this.node = document.getElementById(`net-${number}`);
    this.model = null;
    this.part("layer").addEventListener("change", changed);
    this.part("everywhere").addEventListener("click", (event) => {
      if (!this.places) return;
      const box = event.currentTarget.getBoundingClientRect();
      const { tops, lefts } = this.places;
      const row = Math.floor((event.clientY - box.top) / box.height * tops.length);
      const column = Math.floor((event.clientX - box.left) / box.width * lefts.length);
      jumped(tops[Math.min(row, tops.length - 1)], lefts[Math.min(column, lefts.length - 1)]);
    });
  }

  part(name) {
    return this.node.querySelector(`[data-part="${name}"]`);
  }

  get layer() {
    return this.model ? this.part("layer").value : "";
  }

  use(model, layers) {
    this.model = model;
    this.places = null;
    this.node.hidden = !model;
    if (!model) return;
    this.node.querySelector("h3").textContent = model.name;
    this.node.querySelector("h3").title = `${model.network}, ${model.group}`;
    this.part("layer").replaceChildren(...layers.map((name) => element("option", {}, name)));
    this.part("inside").hidden = layers.length === 0;
    this.part("looked").hidden = layers.length === 0;
    this.part("no-maps").hidden = layers.length > 0;
  }

  // `label` is what the object is, if that is known.
  showAnswer(found, label, stage) {
    const first = found.best[0];
    const answer = this.part("answer"), wrong = label !== null && first.label !== label;
    answer.replaceChildren(element("bdi", {}, first.label),
      element("span", {}, percent(first.probability)),
      wrong ? element("span", { class: "is" }, `is ${label}`) : "");
    answer.classList.toggle("wrong", wrong);
    this.part("best").replaceChildren(...found.best.map(({ label: name, probability }) => {
      const bar = element("span", { class: "sure" });
      bar.style.setProperty("--sure", String(probability));
      return element("li", {}, element("bdi", {}, name), bar,
        element("span", { class: "share" }, percent(probability)));
    }));
    if (found.class_map) this.showClassMap(found.class_map, stage);
    if (found.maps) this.showMaps(found.maps);
  }

  showClassMap(map, stage) {
    this.part("looked").hidden = Boolean(map.problem);
    if (map.problem) return;
    const canvas = this.part("class-map"), levels = bytes(map.levels);
    canvas.width = map.width;
    canvas.height = map.height;
    paintPixels(canvas, stage.pixels, stage.channels, (pixel, place) => {
      const grey = 0.3 * pixel[0] + 0.59 * pixel[1] + 0.11 * pixel[2];
      return mixed([grey, grey, grey], HEAT, 0.8 * levels[place] / 255);
    });
    this.part("class-map-words").textContent = `What speaks for its answer, by ${map.layer}`;
  }

  showMaps(maps) {
    const across = Math.min(maps.count, maps.width > 64 ? 2 : maps.width > 24 ? 4 : 8);
    const rows = Math.ceil(maps.count / across);
    const canvas = this.part("maps"), levels = bytes(maps.levels);
    canvas.width = across * (maps.width + GAP) - GAP;
    canvas.height = rows * (maps.height + GAP) - GAP;
    const context = canvas.getContext("2d"), image = new ImageData(canvas.width, canvas.height);
    for (let map = 0; map < maps.count; map += 1) {
      const top = Math.floor(map / across) * (maps.height + GAP);
      const left = (map % across) * (maps.width + GAP);
      for (let place = 0; place < maps.width * maps.height; place += 1) {
        const level = levels[map * maps.width * maps.height + place];
        const x = left + place % maps.width, y = top + Math.floor(place / maps.width);
        image.data.set([level, level, level, 255], 4 * (y * canvas.width + x));
      }
    }
    context.putImageData(image, 0, 0);
    const some = maps.count < maps.of ? `The first ${maps.count} of ${maps.of} maps` : `${maps.of} maps`;
    this.part("maps-words").textContent =
      `${some} of ${maps.height} × ${maps.width}; white is ${maps.largest.toPrecision(3)}.`;
  }

  // Where on the canvas the object is taken for what it is.
  showEverywhere(places, number, label) {
    this.places = { ...places, own: places.nets[number] };
    const own = this.places.own, count = places.tops.length * places.lefts.length;
    const right = own.right.flat().filter(Boolean).length;
    this.part("share").textContent = `${label} at ${right} of ${count} places`;
    this.part("everywhere").setAttribute("aria-label",
      `Map of the places: ${label} is the answer at ${right} of ${count}`);
    this.paintEverywhere();
  }

  // Darker where it is surer; a dot where the object is now.
  paintEverywhere(top = this.now?.top, left = this.now?.left) {
    this.now = { top, left };
    if (!this.places) return;
    const { tops, lefts, own } = this.places, cell = 8;
    const canvas = this.part("everywhere"), context = canvas.getContext("2d");
    canvas.width = lefts.length * cell;
    canvas.height = tops.length * cell;
    const paper = colour("--raised"), accent = colour("--accent"), edge = colour("--line");
    own.probability.forEach((row, y) => row.forEach((probability, x) => {
      context.fillStyle = `rgb(${mixed(paper, accent, probability).join(" ")})`;
      context.fillRect(x * cell, y * cell, cell, cell);
      if (own.right[y][x]) return;
      context.strokeStyle = `rgb(${mixed(edge, accent, probability).join(" ")})`;
      context.beginPath();
      context.moveTo(x * cell + 1, y * cell + cell - 1);
      context.lineTo(x * cell + cell - 1, y * cell + 1);
      context.stroke();
    }));
    const x = nearest(lefts, left), y = nearest(tops, top);
    context.strokeStyle = `rgb(${HEAT.join(" ")})`;
    context.lineWidth = 2;
    context.strokeRect(x * cell + 1, y * cell + 1, cell - 2, cell - 2);
  }
}

function nearest(values, wanted) {
  let best = 0;
  values.forEach((value, place) => {
    if (Math.abs(value - wanted) < Math.abs(values[best] - wanted)) best = place;
  });
  return best;
}
