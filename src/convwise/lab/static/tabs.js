// Views of one page; the address tells which one is open, so that it can be linked and gone back to.

export function tabs(opened = () => {}) {
  const heads = Array.from(document.querySelectorAll("[role=tab]"));
  const panel = (head) => document.getElementById(head.getAttribute("aria-controls"));

  function choose(head, focus) {
    for (const one of heads) {
      const chosen = one === head;
      one.setAttribute("aria-selected", String(chosen));
      one.tabIndex = chosen ? 0 : -1;
      panel(one).hidden = !chosen;
    }
    if (focus) head.focus();
    opened(panel(head).id);
  }
  function byAddress() {
    const name = location.hash.slice(1);
    choose(heads.find((head) => panel(head).id === name) || heads[0], false);
  }

  for (const head of heads) {
    head.addEventListener("click", () => {
      history.pushState(null, "", `#${panel(head).id}`);
      choose(head, false);
    });
    head.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const next = heads[(heads.indexOf(head) + step + heads.length) % heads.length];
      history.replaceState(null, "", `#${panel(next).id}`);
      choose(next, true);
    });
  }
  window.addEventListener("popstate", byAddress);
  byAddress();
}
