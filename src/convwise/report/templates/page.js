(() => {
  const grid = document.querySelector("[data-confusion]");
  if (!grid) return;
  const words = document.getElementById("confusion-words");
  const lead = document.getElementById("confusion-lead");
  const list = document.getElementById("confusion-images");
  const kept = document.getElementById("cell-images");
  const images = kept ? JSON.parse(kept.textContent) : {};
  const rows = Array.from(grid.tBodies[0].rows);
  const heads = Array.from(grid.tHead.rows[0].cells).slice(1);
  const cellAt = (row, column) => rows[row].cells[column + 1];
  let chosen = grid.querySelector("td[aria-selected=true]");

  function tile(image, said) {
    const item = document.createElement("li");
    const picture = document.createElement("img");
    picture.src = image.src;
    picture.alt = `${image.name}: ${said}, with ${image.sure}`;
    picture.title = image.name;
    if (image.pixels) picture.className = "pixels";
    const sure = document.createElement("span");
    sure.textContent = image.sure;
    item.append(picture, sure);
    return item;
  }
  function show(row, column, count) {
    if (!list) return;
    const found = images[`${row},${column}`];
    const truth = rows[row].cells[0].title, guess = heads[column].title;
    const said = row === column ? `${truth}, recognised` : `${truth}, taken for ${guess}`;
    list.replaceChildren(...(found ? found.images.map((one) => tile(one, said)) : []));
    list.hidden = !found;
    lead.textContent = found ? found.lead : count ? "The page holds no image of this cell." : "";
  }
  function choose(cell) {
    const row = cell.parentElement, column = cell.cellIndex - 1;
    for (const marked of grid.querySelectorAll(".on")) marked.classList.remove("on");
    chosen.removeAttribute("aria-selected");
    chosen.tabIndex = -1;
    chosen = cell;
    chosen.tabIndex = 0;
    chosen.setAttribute("aria-selected", "true");
    row.cells[0].classList.add("on");
    heads[column].classList.add("on");
    words.textContent = cell.title ||
      `No image of ${row.cells[0].title} was taken for ${heads[column].title}.`;
    show(rows.indexOf(row), column, Boolean(cell.title) && !cell.title.startsWith("None"));
  }

  const steps = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  grid.addEventListener("click", (event) => {
    const cell = event.target.closest("tbody td");
    if (cell) { choose(cell); cell.focus(); }
  });
  grid.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    let row = rows.indexOf(chosen.parentElement), column = chosen.cellIndex - 1;
    const last = rows.length - 1;
    if (steps[event.key]) {
      row = Math.min(Math.max(row + steps[event.key][0], 0), last);
      column = Math.min(Math.max(column + steps[event.key][1], 0), last);
    } else if (event.key === "Home") column = 0;
    else if (event.key === "End") column = last;
    else if (event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    const cell = cellAt(row, column);
    choose(cell);
    cell.focus();
  });
  for (const button of document.querySelectorAll("[data-cell]")) {
    button.addEventListener("click", () => {
      const [row, column] = button.dataset.cell.split(",").map(Number);
      choose(cellAt(row, column));
      words.scrollIntoView({ block: "center" });
    });
  }
  choose(chosen);
})();
