// The page Compare: a table of runs that is asked for part by part, and what chosen ones come to.

import { attempt, debounced, get, post } from "./request.js";
import { byId, element, show } from "./dom.js";

const PART = 50;
const MOST = 6;
// Ids in the order in which they were chosen: the others are compared with the first.
const chosen = new Map();
let offset = 0;

function accuracy(run) {
  return run.accuracy === null ? "–" : run.accuracy;
}

function line(run) {
  const box = element("input", {
    type: "checkbox", "aria-label": `Choose ${run.name}`, checked: chosen.has(run.id),
    onchange: (event) => choose(run, event.target),
  });
  const cells = [run.data, run.network].map((text) =>
    element("td", { class: "words" }, element("bdi", null, text)));
  return element("tr", null, element("td", null, box),
    element("th", { scope: "row", class: "words" }, element("bdi", null, run.name)), ...cells,
    element("td", null, element("strong", null, accuracy(run))),
    element("td", { class: "soft" }, run.interval || "–"),
    element("td", null, String(run.epochs)), element("td", null, run.seconds),
    element("td", { class: "words" }, run.status),
    element("td", { class: "words soft" }, run.created));
}

function choose(run, box) {
  if (box.checked && chosen.size >= MOST) box.checked = false;
  else if (box.checked) chosen.set(run.id, run.name);
  else chosen.delete(run.id);
  tellChosen();
}

function tellChosen() {
  const names = Array.from(chosen.values());
  byId("chosen-bar").hidden = !names.length;
  byId("compare").textContent = names.length > 1 ? `Compare ${names.length} runs` : "Show its curves";
  byId("chosen-words").textContent = names.length > 1
    ? `${names.slice(1).join(", ")} against ${names[0]}` : names.join("");
}

async function table(signal) {
  const query = new URLSearchParams({
    sort: byId("sort").value, words: byId("words").value, offset, limit: PART,
  });
  const found = await get(`/api/compare/runs?${query}`, signal);
  const body = byId("run-table").tBodies[0];
  if (!offset) body.replaceChildren();
  body.append(...found.runs.map(line));
  byId("run-table").hidden = !found.matching;
  byId("more").hidden = offset + PART >= found.matching;
  byId("told").textContent = told(found);
  broken(found.broken);
}

function told({ total, matching }) {
  if (!total) return "There is no run here yet. Train one, and it will stand here.";
  if (!matching) return `None of ${total} runs fits these words.`;
  const shown = Math.min(offset + PART, matching);
  return matching === total ? `${shown} of ${total} runs` : `${shown} of ${matching} runs that fit, ${total} in all`;
}

function broken(list) {
  byId("broken").hidden = !list.length;
  byId("broken").querySelector("summary").textContent =
    `${list.length} folder${list.length === 1 ? "" : "s"} cannot be read`;
  byId("broken").querySelector("ul").replaceChildren(...list.slice(0, 50).map((one) =>
    element("li", null, element("bdi", null, one.name), `: ${one.reason}`)));
}

const anew = debounced((signal) => { offset = 0; return table(signal); }, 120);
byId("words").addEventListener("input", anew);
byId("sort").addEventListener("change", anew);
byId("refresh").addEventListener("click", anew);
byId("tools").addEventListener("submit", (event) => { event.preventDefault(); anew(); });
byId("more").addEventListener("click", () => attempt(() => { offset += PART; return table(); }));
document.addEventListener("visibilitychange", () => { if (!document.hidden && !offset) anew(); });

byId("compare").addEventListener("click", () => attempt(async () => {
  const { html } = await post("/api/compare/of", { runs: Array.from(chosen.keys()) });
  show(byId("result"), html);
  byId("result").focus({ preventScroll: true });
  byId("result").scrollIntoView({ block: "start" });
}));
byId("clear").addEventListener("click", () => {
  chosen.clear();
  for (const box of byId("run-table").querySelectorAll("input")) box.checked = false;
  tellChosen();
});

attempt(() => table());
