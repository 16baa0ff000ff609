// The kernel: its numbers in fields, and those that a run has learnt as small pictures.

import { attempt, get } from "./request.js";
import { element } from "./dom.js";
import { colours } from "./bench_canvas.js";

export function kernelTable(table, values) {
  table.replaceChildren(element("tbody", null, ...values.map((line, row) =>
    element("tr", null, ...line.map((value, column) => element("td", null,
      element("input", {
        type: "text", inputmode: "decimal", value: String(Number(value.toPrecision(3))), autocomplete: "off",
        "aria-label": `Row ${row + 1}, column ${column + 1}`,
      })))))));
}

// A field that holds no number yet counts as 0.
export function readKernel(table) {
  return Array.from(table.rows, (row) => Array.from(row.cells, (cell) => {
    const value = Number(cell.firstChild.value.replace(",", ".").replace("−", "-"));
    cell.firstChild.setAttribute("aria-invalid", String(!Number.isFinite(value)));
    return Number.isFinite(value) ? value : 0;
  }));
}

function picture(values) {
  const scale = 6, canvas = element("canvas", {
    width: values[0].length * scale, height: values.length * scale,
  });
  const context = canvas.getContext("2d"), shade = colours();
  const reach = Math.max(...values.flat().map(Math.abs)) || 1;
  values.forEach((line, row) => line.forEach((value, column) => {
    const end = value < 0 ? shade.below : shade.above, share = Math.abs(value) / reach;
    const mixed = shade.zero.map((from, band) => Math.round(from + (end[band] - from) * share));
    context.fillStyle = `rgb(${mixed.join(" ")})`;
    context.fillRect(column * scale, row * scale, scale, scale);
  }));
  return canvas;
}

// Fills the list of runs when it is first looked at; choosing one shows its kernels.
export function learnedKernels(select, box, kernelsOf, choose) {
  let listed = false;
  const list = () => attempt(async () => {
    if (listed) return;
    listed = true;
    const { runs } = await get("/api/compare/runs?limit=100");
    const models = runs.filter((run) => run.has_model);
    select.append(...models.map((run) => element("option", { value: run.id }, run.name)));
    if (!models.length) select.options[0].textContent = "no run with a model";
  });
  select.addEventListener("focus", list);
  select.addEventListener("pointerenter", list);
  select.addEventListener("change", () => attempt(async () => {
    box.hidden = true;
    if (!select.value) return;
    const { kernels } = await kernelsOf(encodeURIComponent(select.value));
    box.replaceChildren(...kernels.map((values, place) => element("button", {
      type: "button", "aria-label": `Learnt kernel ${place + 1}`, "aria-pressed": "false",
      onclick: (event) => {
        for (const one of box.children) one.setAttribute("aria-pressed", "false");
        event.currentTarget.setAttribute("aria-pressed", "true");
        choose(values);
      },
    }, picture(values))));
    box.hidden = false;
    box.firstChild.click();
  }));
}
