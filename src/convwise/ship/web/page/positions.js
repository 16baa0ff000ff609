// The answer at every position: where the picture may lie before the network calls it something else.

import { placed } from "./preparation.js";
import { percent, ranking } from "./answers.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const SIDES = [15, 9, 5];
// Milliseconds that all positions may take, by guess, before a coarser grid is chosen.
const PATIENCE = 4000;
// Pixels that are asked about at once.
const BATCH_PIXELS = 2 ** 16;

/** Offsets from the middle along one side, at most a third of it away, the middle among them. */
export function offsets(side, milliseconds) {
  const count = SIDES.find((each) => each * each * milliseconds < PATIENCE) ?? SIDES.at(-1);
  const half = (count - 1) / 2;
  const step = Math.max(1, Math.round(side / 3 / half));
  return Array.from({ length: count }, (_, place) => (place - half) * step);
}

/**
 * Ask about every position.
 * @param {{object: object, format: object, across: number[], down: number[]}} scene
 * @param {(pictures: Uint8Array[]) => Promise<Float32Array[]>} classify
 * @param {(share: number) => boolean} told how much is done; answers whether to go on
 * @returns {Promise<{left: number, top: number, label: number, probability: number}[] | null>}
 */
export async function everyPosition({ object, format, across, down }, classify, told) {
  const places = down.flatMap((top) => across.map((left) => ({ left, top })));
  const batch = Math.max(1, Math.floor(BATCH_PIXELS / (format.width * format.height)));
  const found = [];
  for (let start = 0; start < places.length; start += batch) {
    const part = places.slice(start, start + batch);
    const pictures = part.map(({ left, top }) => placed(object, format, ...middle(object, format, left, top)).data);
    for (const [place, answer] of (await classify(pictures)).entries()) {
      const label = ranking(answer)[0];
      found.push({ ...part[place], label, probability: answer[label] });
    }
    // Between two parts the page may draw, and the picture may be another by now.
    await new Promise((resolve) => setTimeout(resolve));
    if (!told(found.length / places.length)) return null;
  }
  return found;
}

/** Where the corner of an object lies that is moved from the middle. */
export function middle(object, format, left, top) {
  return [
    Math.floor((format.width - object.width) / 2) + left,
    Math.floor((format.height - object.height) / 2) + top,
  ];
}

/** Draw a square for each position; a click goes there. */
export function showPositions(map, found, label, classes, go) {
  const side = Math.round(Math.sqrt(found.length));
  map.setAttribute("viewBox", `0 0 ${side} ${side}`);
  map.replaceChildren(
    ...found.map(({ left, top, label: its, probability }, place) => {
      const square = document.createElementNS(NAMESPACE, "rect");
      const values = { x: place % side, y: Math.floor(place / side), width: 1, height: 1 };
      for (const [name, value] of Object.entries(values)) square.setAttribute(name, value);
      square.setAttribute("class", its === label ? "same" : "other");
      Object.assign(square.dataset, { left, top });
      square.style.opacity = 0.25 + 0.75 * probability;
      const title = document.createElementNS(NAMESPACE, "title");
      title.textContent = `${classes[its]} ${percent(probability)} at ${left}, ${top}`;
      square.append(title);
      square.addEventListener("click", () => go(left, top));
      return square;
    }),
  );
}

/** Frame the square where the picture is, if it is at one. */
export function markPosition(map, left, top) {
  for (const square of map.children) {
    const { dataset } = square;
    square.classList.toggle("here", dataset.left === String(left) && dataset.top === String(top));
  }
}
