(() => {
  const keys = document.querySelector("[data-keys]");
  const chart = document.querySelector(".chart.embedding");
  if (keys && chart) {
    keys.hidden = false;
    keys.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (!button) return;
      const wanted = button.getAttribute("aria-pressed") !== "true";
      for (const each of keys.querySelectorAll("button")) each.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(wanted));
      chart.classList.toggle("choosing", wanted);
      for (const point of chart.querySelectorAll(".point")) {
        point.classList.toggle("chosen", wanted && point.dataset.class === button.dataset.class);
      }
    });
  }

  const marks = Array.from(document.querySelectorAll(".mark"));
  const save = document.querySelector("[data-save]");
  if (!marks.length) return;
  document.body.classList.add("marking");
  const found = new Map();

  // One image may stand in both galleries: what is said of one card holds for the other.
  function tell(mark, wrong, correct) {
    const path = mark.dataset.path;
    if (wrong) found.set(path, { label: mark.dataset.label, correct });
    else found.delete(path);
    for (const each of marks) {
      if (each.dataset.path !== path) continue;
      each.classList.toggle("on", wrong);
      each.querySelector("[data-wrong]").checked = wrong;
      if (wrong) each.querySelector("[data-correct]").value = correct;
    }
    save.hidden = found.size === 0;
    save.querySelector("[data-count]").textContent =
      found.size === 1 ? "1 label marked as wrong" : `${found.size} labels marked as wrong`;
  }

  for (const mark of marks) {
    const wrong = mark.querySelector("[data-wrong]");
    const correct = mark.querySelector("[data-correct]");
    wrong.addEventListener("change", () => tell(mark, wrong.checked, correct.value));
    correct.addEventListener("input", () => tell(mark, true, correct.value));
    // A browser may have kept what was marked before the page was loaded again.
    if (wrong.checked) tell(mark, true, correct.value);
  }

  const quoted = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  save.querySelector("[data-write]").addEventListener("click", () => {
    const lines = [["path", "label", "correct"]];
    for (const [path, each] of found) lines.push([path, each.label, each.correct]);
    const text = lines.map((line) => `${line.map(quoted).join(",")}\n`).join("");
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = "fixes.csv";
    link.click();
    // The browser is still to read it.
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  });
})();
