// What the bench says about its maps, from the integers that the lab worked out.

import { element } from "./dom.js";
import { short } from "./bench_canvas.js";

export function size(slid) {
  return `${slid.rows.outputs}×${slid.columns.outputs}`;
}

export function paddingWords({ rows, columns }) {
  const sides = [["above", rows.before], ["below", rows.after], ["left", columns.before],
    ["right", columns.after]];
  const told = sides.filter(([, zeros]) => zeros);
  if (!told.length) return "";
  const zeros = told.map(([, number]) => number);
  if (told.length === 4 && new Set(zeros).size === 1) return `, ${zeros[0]} zero${zeros[0] > 1 ? "s" : ""} on each side`;
  return `, zeros: ${told.map(([side, number]) => `${number} ${side}`).join(", ")}`;
}

// The arithmetic of one axis; where both are alike, once.
export function arithmetic({ rows, columns }) {
  const alike = JSON.stringify(rows) === JSON.stringify(columns);
  const told = [`${alike ? "Places along a side" : "Rows"}: ${axis(rows)}`];
  if (!alike) told.push(`columns: ${axis(columns)}`);
  return [`${told.join("; ")}.`, unseen(rows, columns)].filter(Boolean).join(" ");
}

function axis({ size: length, before, after, span, stride, outputs }) {
  const padded = before || after ? `${length} + ${before} + ${after}` : `${length}`;
  return `⌊(${padded} − ${span}) ÷ ${stride}⌋ + 1 = ${outputs}`;
}

function unseen(rows, columns) {
  const left = (one) => {
    const end = (one.outputs - 1) * one.stride + one.span - one.before;
    return Math.max(one.size - end, 0);
  };
  const ends = [[left(rows), "row"], [left(columns), "column"]].filter(([number]) => number)
    .map(([number, noun]) => (number === 1 ? `the last ${noun}` : `the last ${number} ${noun}s`));
  if (ends.length) return `Never seen: ${ends.join(" and ")}.${gaps(rows)}`;
  return gaps(rows).trim();
}

function gaps({ stride, kernel, dilation }) {
  return stride > kernel && dilation === 1
    ? " The stride is larger than the window: what lies between two windows is never seen." : "";
}

// In how many windows a pixel takes part, along one axis.
export function windowsOf(pixel, { before, stride, dilation, kernel, outputs }) {
  let found = 0;
  for (let place = 0; place < outputs; place += 1) {
    const away = pixel - (place * stride - before);
    if (away >= 0 && away % dilation === 0 && away / dilation < kernel) found += 1;
  }
  return found;
}

function numbers(title, lines, chosen) {
  const body = lines.map((line, row) => element("tr", null, ...line.map((value, column) =>
    element("td", { class: chosen && chosen(row, column) ? "won" : null },
      value === null ? "·" : short(value)))));
  return element("figure", null, element("figcaption", null, title),
    element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, element("table", null, element("tbody", null, ...body))));
}

export function sumOfPlace(place, seen, kernel, value) {
  const products = seen.map((line, row) =>
    line.map((one, column) => (one === null ? 0 : one) * kernel[row][column]));
  return [
    element("p", null, `Row ${place[0] + 1}, column ${place[1] + 1} of the map: `,
      element("strong", { id: "bench-value" }, short(value)),
      ", the sum of the products."),
    element("div", { class: "tables" }, numbers("What the window sees", seen),
      element("span", { class: "sign" }, "×"), numbers("Kernel", kernel),
      element("span", { class: "sign" }, "="), numbers("Products", products)),
  ];
}

export function regionOfPlace(place, region, value, kind) {
  const winner = kind === "max" ? (row, column) => region[row][column] === value : null;
  const told = kind === "max" ? ", the largest of its region." : ", the mean of its region.";
  return [
    element("p", null, `Row ${place[0] + 1}, column ${place[1] + 1} of the pooled map: `,
      element("strong", null, short(value)), told),
    element("div", { class: "tables" }, numbers("The region", region, winner)),
  ];
}
