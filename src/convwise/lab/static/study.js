// The page Study: start one; the studies of the folder; the open one, read again while it runs.

import { attempt, get, post } from "./request.js";
import { askBy, numbersIn } from "./asking.js";
import { byId, element, show } from "./dom.js";
import { STATES, showQueue, stop } from "./queue.js";

const EVERY = 3000;
// Between two wishes to stop: the second ends trainings at once, and must be no double click.
const PAUSE = 3000;
const form = byId("asked");

let open = new URLSearchParams(location.hash.slice(1)).get("study");
let studies = [], entries = [], said = "";
let timer, turns = 0, showing = "";
// What lists were made from: they are made anew only where it changes, so that focus stays.
const made = {};

function changed(name, values) {
  const text = JSON.stringify(values), is = made[name] !== text;
  made[name] = text;
  return is;
}

function asked() {
  const values = {
    data: form.elements.data.value,
    questions: [...form.querySelectorAll("[name=questions]:checked")].map((box) => box.value),
    keep_models: form.elements.keep_models.checked,
    ...numbersIn(form, ["seeds", "epochs", "images", "processes", "threads"]),
  };
  const budget = form.elements.budget.value.trim();
  return budget ? { ...values, budget } : values;
}

const showCommand = askBy(form, "/api/study", asked, (entry) => {
  showCommand();
  choose(entry.study);
});

function card(study) {
  const seeds = study.seeds === null ? "" : `, ${study.seeds} seed${study.seeds === 1 ? "" : "s"}`;
  const questions = `${study.questions} question${study.questions === 1 ? "" : "s"}`;
  return element("li", null, element("button", {
    type: "button", "aria-pressed": String(study.id === open), "data-id": study.id,
    onclick: () => choose(study.id),
  }, element("strong", null, study.name), element("span", null, `on ${study.data}`),
  element("span", null, `${questions}${seeds}`), element("span", null, study.created)));
}

function works(entry) {
  return Boolean(entry) && entry.state !== "ended";
}

function entryOf(study) {
  return entries.findLast((entry) => entry.study && entry.study === study) || null;
}

function choose(id) {
  open = id;
  showing = "";
  byId("result").replaceChildren();
  return follow();
}

// Looks, and looks again after a while as long as something is at work.
async function follow() {
  clearTimeout(timer);
  turns += 1;
  const turn = turns;
  const goesOn = await attempt(() => look(() => turn === turns));
  if (goesOn && turn === turns) timer = setTimeout(follow, EVERY);
}

async function look(isLatest) {
  const [listed, queued] = await Promise.all([get("/api/study/studies"), get("/api/study/queue")]);
  if (!isLatest()) return false;
  ({ studies } = listed);
  ({ entries, said } = queued);
  if (open === null) open = entries.find((each) => each.study && works(each))?.study ?? studies[0]?.id ?? null;
  if (changed("studies", [studies, open])) byId("studies").replaceChildren(...studies.map(card));
  const none = !studies.length && !entries.some(works);
  byId("none").hidden = !none;
  if (none) byId("ask").open = true;
  if (changed("queue", entries)) showQueue(entries, "study", choose, follow);
  await showWork();
  const there = studies.some((study) => study.id === open);
  const unfinished = there && await showFindings(open, isLatest);
  return unfinished || entries.some(works);
}

// What the queue knows of the open study: how far it is, or why it is not there.
async function showWork() {
  const entry = entryOf(open);
  byId("work").hidden = !entry || (entry.state === "ended" && entry.code === 0);
  if (!entry) return;
  const tells = entry.state === "stopping" || entry.state === "ended";
  byId("state").textContent = tells ? entry.message : STATES[entry.state];
  byId("said").textContent = entry.state === "running" ? said : "";
  byId("stop").hidden = !works(entry);
  byId("stop").textContent = { waiting: "Take out", stopping: "Stop at once" }[entry.state] || "Stop";
  byId("go-on").hidden = works(entry);
  const failed = entry.state === "ended" && ![0, null, 130].includes(entry.code);
  byId("printed").hidden = !failed;
  if (failed && changed("printed", entry.id)) {
    byId("printed").textContent = (await get(`/api/train/printed/${entry.id}`)).text;
  }
}

async function showFindings(id, isLatest) {
  const result = byId("result");
  result.setAttribute("aria-busy", String(!showing));
  let found;
  try {
    found = await get(`/api/study/of/${encodeURIComponent(id)}`);
  } finally {
    result.setAttribute("aria-busy", "false");
  }
  if (!isLatest()) return false;
  // A page that is read must not jump: it changes only where something was found.
  if (found.html !== showing) {
    show(result, found.html);
    showing = found.html;
  }
  return found.done < found.wanted;
}

byId("stop").addEventListener("click", async () => {
  const entry = entryOf(open);
  if (!entry) return;
  byId("stop").disabled = true;
  setTimeout(() => { byId("stop").disabled = false; }, PAUSE);
  await attempt(() => stop(entry));
  follow();
});
byId("go-on").addEventListener("click", async () => {
  byId("go-on").disabled = true;
  await attempt(() => post(`/api/study/go-on/${encodeURIComponent(open)}`, {}));
  byId("go-on").disabled = false;
  follow();
});
form.addEventListener("input", showCommand);
byId("ask").addEventListener("toggle", () => byId("ask").open && showCommand());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else follow();
});
follow();
