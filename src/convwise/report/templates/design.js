// The lab shows the table anew after each change, so this can be asked for more than once.
globalThis.followLayers = (root) => {
  const table = root.querySelector("[data-layers]");
  const drawing = root.querySelector(".design-field svg");
  if (!table || !drawing) return;
  const words = root.querySelector("#field-words");
  const seen = drawing.querySelector(".seen"), next = drawing.querySelector(".next");
  const dimmed = drawing.querySelector(".dimmed");
  const [left, top, wide, high] = drawing.dataset.frame.split(" ").map(Number);
  const rows = Array.from(table.querySelectorAll("tr[data-place]"));
  let chosen = table.querySelector("tr.chosen") || rows[rows.length - 1];

  // Beyond the frame the outline runs along its edge.
  function put(box, x, y, width, height) {
    const begin = [Math.max(x, left), Math.max(y, top)];
    const end = [Math.min(x + width, left + wide), Math.min(y + height, top + high)];
    const places = { x: begin[0], y: begin[1] };
    places.width = Math.max(end[0] - begin[0], 0);
    places.height = Math.max(end[1] - begin[1], 0);
    for (const [name, value] of Object.entries(places)) box.setAttribute(name, value);
  }
  function choose(row) {
    chosen.classList.remove("chosen");
    chosen.removeAttribute("aria-selected");
    chosen.tabIndex = -1;
    chosen = row;
    chosen.classList.add("chosen");
    chosen.setAttribute("aria-selected", "true");
    chosen.tabIndex = 0;
    const [x, y, width, height, across, down] = row.dataset.place.split(" ").map(Number);
    put(seen, x, y, width, height);
    put(next, x + across, y + down, width, height);
    dimmed.setAttribute("d",
      `M${left} ${top}h${wide}v${high}h${-wide}zM${x} ${y}v${height}h${width}v${-height}z`);
    words.textContent = row.dataset.words;
  }

  table.setAttribute("role", "grid");
  for (const row of rows) row.tabIndex = -1;
  table.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-place]");
    if (row) { choose(row); row.focus({ preventScroll: true }); }
  });
  table.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (!event.target.matches("tr[data-place]")) return;
    const shown = rows.filter((row) => row.offsetParent !== null);
    const steps = { ArrowUp: -1, ArrowDown: 1, Home: -Infinity, End: Infinity };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const place = shown.indexOf(event.target) + steps[event.key];
    const row = shown[Math.min(Math.max(place, 0), shown.length - 1)];
    choose(row);
    row.focus();
  });
  // A folded row cannot be reached: the nearest line before it is chosen in its stead.
  table.addEventListener("change", () => {
    const before = rows.slice(0, rows.indexOf(chosen) + 1);
    choose(before.filter((row) => row.offsetParent !== null).pop());
  });
  choose(chosen);
};
globalThis.followLayers(document);
