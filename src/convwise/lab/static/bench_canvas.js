// Maps as pictures: one square a value, the same size for all maps, so that shrinking is seen.

const NUMBERS_FROM = 30;

export function colours() {
  const style = getComputedStyle(document.documentElement);
  const of = (name) => style.getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    blank: of("--paper"), line: of("--edge"), mark: "#ffb000",
    // Below zero, zero, above zero: told apart by hue and by lightness.
    below: [217, 108, 26], zero: dark ? [34, 41, 45] : [234, 236, 235],
    above: dark ? [120, 214, 236] : [6, 84, 106],
  };
}

export class MapPicture {
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
  }

  // rows, columns, values row by row; pad: zeros around {top, left, bottom, right}.
  set(map, cell) {
    this.map = { pad: { top: 0, left: 0, bottom: 0, right: 0 }, ...map };
    this.cell = cell;
    const { pad } = this.map;
    this.wide = this.map.columns + pad.left + pad.right;
    this.high = this.map.rows + pad.top + pad.bottom;
    const ratio = Math.max(devicePixelRatio || 1, 1);
    this.canvas.width = Math.round(this.wide * cell * ratio);
    this.canvas.height = Math.round(this.high * cell * ratio);
    this.canvas.style.width = `${this.wide * cell}px`;
    this.canvas.style.height = `${this.high * cell}px`;
    this.ratio = ratio;
    const values = this.map.values;
    this.lowest = Math.min(0, ...values);
    this.highest = Math.max(0, ...values);
  }

  // Place (row, column) of the map below a pointer; negative in the padding. Null outside.
  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / this.cell);
    const row = Math.floor((event.clientY - box.top) / this.cell);
    if (row < 0 || column < 0 || row >= this.high || column >= this.wide) return null;
    return [row - this.map.pad.top, column - this.map.pad.left];
  }

  value(row, column) {
    const { rows, columns, values } = this.map;
    const inside = row >= 0 && column >= 0 && row < rows && column < columns;
    return inside ? values[row * columns + column] : null;
  }

  // filled(row, column): whether the value is there yet. marks: what is outlined.
  draw(filled, marks) {
    const { context, cell, map } = this, { pad } = map, shade = colours();
    context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    context.fillStyle = shade.blank;
    context.fillRect(0, 0, this.wide * cell, this.high * cell);
    this.#padding(shade);
    const numbers = cell >= NUMBERS_FROM;
    context.font = `${Math.min(cell * 0.3, 14)}px ${getComputedStyle(document.body).fontFamily}`;
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let row = 0; row < map.rows; row += 1) {
      for (let column = 0; column < map.columns; column += 1) {
        if (!filled(row, column)) continue;
        const value = map.values[row * map.columns + column];
        const [x, y] = [(column + pad.left) * cell, (row + pad.top) * cell];
        const colour = this.#colour(value, shade);
        context.fillStyle = `rgb(${colour.join(" ")})`;
        context.fillRect(x, y, cell, cell);
        if (numbers) {
          const light = 0.3 * colour[0] + 0.59 * colour[1] + 0.11 * colour[2];
          context.fillStyle = light > 130 ? "#000" : "#fff";
          context.fillText(short(value), x + cell / 2, y + cell / 2);
        }
      }
    }
    context.strokeStyle = shade.line;
    context.lineWidth = 1;
    context.strokeRect(0.5, 0.5, this.wide * cell - 1, this.high * cell - 1);
    for (const mark of marks) this.#mark(mark, shade);
  }

  #padding(shade) {
    const { context, cell, map } = this, { pad } = map;
    if (!(pad.top || pad.left || pad.bottom || pad.right)) return;
    context.fillStyle = "#000";
    context.fillRect(0, 0, this.wide * cell, this.high * cell);
    // Zeros that were added are black as zeros are, and told from the image by a line.
    context.strokeStyle = shade.line;
    context.lineWidth = 1;
    for (let step = -this.high * cell; step < this.wide * cell; step += 6) {
      context.beginPath();
      context.moveTo(step, this.high * cell);
      context.lineTo(step + this.high * cell, 0);
      context.stroke();
    }
  }

  #colour(value, shade) {
    if (this.map.grey) return Array(3).fill(Math.round(255 * Math.min(Math.max(value, 0), 1)));
    const reach = Math.max(this.highest, -this.lowest) || 1;
    const share = Math.min(Math.abs(value) / reach, 1);
    const end = value < 0 ? shade.below : shade.above;
    return shade.zero.map((from, band) => Math.round(from + (end[band] - from) * share));
  }

  #mark({ row, column, rows, columns, taps }, shade) {
    const { context, cell, map } = this, { pad } = map;
    const [x, y] = [(column + pad.left) * cell, (row + pad.top) * cell];
    for (const [colour, width] of [["#000", 4], [shade.mark, 2.5]]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.strokeRect(x + 1, y + 1, columns * cell - 2, rows * cell - 2);
    }
    for (const [down, along] of taps || []) {
      context.strokeStyle = shade.mark;
      context.lineWidth = 1.5;
      context.strokeRect(x + along * cell + 1.5, y + down * cell + 1.5, cell - 3, cell - 3);
    }
  }
}

export function short(value) {
  if (value === 0) return "0";
  const text = Math.abs(value) >= 100 ? value.toFixed(0) : value.toFixed(2);
  return text.replace("-", "−");
}
