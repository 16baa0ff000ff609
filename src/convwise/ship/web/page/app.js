// The page: one picture, one place for it, one answer.

import { percent, ranking, showAnswers } from "./answers.js";
import { openClassifier } from "./classifier.js";
import { closeNetwork } from "./network.js";
import { everyPosition, markPosition, middle, offsets, showPositions } from "./positions.js";
import { placed, prepared } from "./preparation.js";
import { showSources } from "./sources.js";
import { draw, movable } from "./stage.js";
import { aboutModel, factsOfModel, titleOf } from "./words.js";

const ABOUT_POSITIONS = "Asks the network about the picture at every position around the middle.";
const byId = (id) => document.getElementById(id);

/** What is shown: the picture, its share of the view, and how far it was moved. */
const scene = { picture: null, share: 1, left: 0, top: 0 };
let model = null;
let object = null;
let answer = null;
// Rises whenever the picture or its size changes: what was asked before is then out of date.
let version = 0;
let asking = false;
let askAgain = false;

function seen() {
  const format = model.facts.image_format;
  return placed(object, format, ...middle(object, format, scene.left, scene.top));
}

/** Bring the picture to its size anew. */
function changed() {
  const format = model.facts.image_format;
  const width = Math.max(1, Math.round(format.width * scene.share));
  const height = Math.max(1, Math.round(format.height * scene.share));
  object = prepared(scene.picture, { ...format, width, height });
  version += 1;
  byId("positions-found").hidden = true;
  byId("positions-said").textContent = ABOUT_POSITIONS;
  byId("ask-all").disabled = false;
  return moved();
}

function moved() {
  draw(byId("stage"), seen());
  const { left, top } = scene;
  byId("back").disabled = !left && !top;
  markPosition(byId("map"), left, top);
  const ways = [said(left, "right", "left"), said(top, "down", "up")].filter(Boolean);
  byId("place").textContent = ways.length
    ? `Moved by ${ways.join(" and ")}.`
    : "Drag it, or use the arrow keys: does the answer follow?";
  return ask();
}

function said(count, ahead, back) {
  return count && `${Math.abs(count)} px ${count < 0 ? back : ahead}`;
}

/** Ask about what is shown; while an answer is on its way, only the latest picture waits. */
async function ask() {
  if (asking) {
    askAgain = true;
    return;
  }
  asking = true;
  byId("answer").ariaBusy = "true";
  try {
    do {
      askAgain = false;
      const start = performance.now();
      const [found] = await model.classify([seen().data]);
      show(found, performance.now() - start);
    } while (askAgain);
  } finally {
    asking = false;
    byId("answer").ariaBusy = "false";
  }
}

function show(probabilities, milliseconds) {
  const { classes } = model.facts;
  answer = { probabilities, label: ranking(probabilities)[0], milliseconds };
  byId("best").textContent = classes[answer.label];
  byId("sure").textContent = percent(probabilities[answer.label]);
  byId("took").textContent = `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms on this device`;
  showAnswers(byId("answers"), classes, probabilities);
}

function moveTo(left, top) {
  const { width, height } = model.facts.image_format;
  scene.left = Math.min(width, Math.max(-width, left));
  scene.top = Math.min(height, Math.max(-height, top));
  return moved();
}

async function askAll() {
  const format = model.facts.image_format;
  const { label, milliseconds } = answer;
  const asked = version;
  const across = offsets(format.width, milliseconds);
  const down = offsets(format.height, milliseconds);
  byId("ask-all").disabled = true;
  const found = await everyPosition({ object, format, across, down }, model.classify, (share) => {
    byId("positions-said").textContent = `Asking: ${Math.round(100 * share)} %`;
    return version === asked;
  });
  byId("ask-all").disabled = false;
  if (!found) return;
  const { classes } = model.facts;
  // What the middle says is the answer; where the picture has been dragged to does not matter.
  const home = found.find(({ left, top }) => !left && !top)?.label ?? label;
  showPositions(byId("map"), found, home, classes, moveTo);
  const same = found.filter((each) => each.label === home).length;
  byId("positions-said").textContent =
    `${classes[home]} at ${same} of ${found.length} positions (${percent(same / found.length)}),` +
    ` up to ${Math.max(...across)} px away from the middle.`;
  markPosition(byId("map"), scene.left, scene.top);
  byId("positions-found").hidden = false;
}

function takePicture(picture, { home = true } = {}) {
  scene.picture = picture;
  if (home) Object.assign(scene, { left: 0, top: 0 });
  return changed();
}

function listen() {
  showSources(model.facts.image_format, takePicture);
  movable(byId("stage"), (right, down) => object && moveTo(scene.left + right, scene.top + down));
  byId("back").addEventListener("click", () => moveTo(0, 0));
  byId("ask-all").addEventListener("click", askAll);
  byId("size").addEventListener("input", () => {
    scene.share = byId("size").valueAsNumber / 100;
    byId("size-said").textContent = `${byId("size").value} %`;
    if (object) changed();
  });
}

/** Show nothing, and ask about it once: the first answer takes longer than those that count. */
async function emptyStage() {
  const { width, height, channels, pad_value: level } = model.facts.image_format;
  const data = new Uint8Array(width * height * channels).fill(level);
  draw(byId("stage"), { width, height, channels, data });
  byId("ask-all").disabled = true;
  byId("positions-said").textContent = ABOUT_POSITIONS;
  await model.classify([data]);
}

async function start() {
  try {
    model = await openClassifier();
    await emptyStage();
  } catch (error) {
    byId("status").textContent = `The model could not be loaded: ${error.message}`;
    throw error;
  }
  closeNetwork();
  document.title = titleOf(model.facts);
  byId("name").textContent = titleOf(model.facts);
  byId("about").textContent = aboutModel(model.facts);
  byId("facts").textContent = factsOfModel(model.facts);
  byId("status").hidden = true;
  byId("work").hidden = false;
  byId("closed").hidden = false;
  listen();
}

start();
