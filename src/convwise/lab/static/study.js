// The page Study: the studies of the folder, and the open one, which is read again while it runs.

import { attempt, get } from "./request.js";
import { byId, element, show } from "./dom.js";

const EVERY = 5000;
let open = null, timer, showing = "";

function card(study) {
  const seeds = study.seeds === null ? "" : `, ${study.seeds} seed${study.seeds === 1 ? "" : "s"}`;
  const questions = `${study.questions} question${study.questions === 1 ? "" : "s"}`;
  return element("li", null, element("button", {
    type: "button", "aria-pressed": String(study.id === open), "data-id": study.id,
    onclick: () => choose(study.id),
  }, element("strong", null, study.name), element("span", null, `on ${study.data}`),
  element("span", null, `${questions}${seeds}`), element("span", null, study.created)));
}

async function list() {
  const { studies } = await get("/api/study/studies");
  byId("studies").replaceChildren(...studies.map(card));
  byId("none").hidden = studies.length > 0;
  if (open === null && studies.length) choose(studies[0].id);
}

function choose(id) {
  open = id;
  showing = "";
  for (const button of byId("studies").querySelectorAll("button")) {
    button.setAttribute("aria-pressed", String(button.dataset.id === id));
  }
  follow();
}

async function follow() {
  clearTimeout(timer);
  const id = open, result = byId("result");
  result.setAttribute("aria-busy", String(!showing));
  const found = await attempt(() => get(`/api/study/of/${encodeURIComponent(id)}`));
  result.setAttribute("aria-busy", "false");
  if (!found || id !== open) return;
  // A page that is read must not jump: it changes only where something was found.
  if (found.html !== showing) {
    show(result, found.html);
    showing = found.html;
  }
  if (found.done < found.wanted) timer = setTimeout(follow, EVERY);
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else attempt(list).then(() => open !== null && follow());
});

attempt(list);
