// The canvas with the object: it is dragged, and its pixels are what the networks get.

export class Stage {
  // `moved()` is called whenever the canvas shows something else.
  constructor(canvas, moved) {
    this.canvas = canvas;
    this.moved = moved;
    this.object = null;
    this.top = this.left = 0;
    this.negative = false;
    canvas.addEventListener("pointerdown", (event) => this.take(event));
    canvas.addEventListener("pointermove", (event) => this.drag(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { this.taken = null; canvas.classList.remove("held"); });
    }
    canvas.addEventListener("keydown", (event) => this.press(event));
  }

  setSize([height, width, channels]) {
    Object.assign(this, { height, width, channels, object: null });
    this.canvas.height = height;
    this.canvas.width = width;
  }

  // An object as /api/explain/object tells it; it is laid in the middle.
  show(object) {
    const text = atob(object.pixels);
    this.object = { ...object, pixels: Uint8Array.from(text, (letter) => letter.charCodeAt(0)) };
    this.toMiddle();
  }

  toMiddle() {
    this.moveTo(...this.middle);
  }

  get middle() {
    if (!this.object) return [0, 0];
    return [Math.floor((this.height - this.object.height) / 2),
      Math.floor((this.width - this.object.width) / 2)];
  }

  // How far the object may go: all that differs from its background stays on the canvas.
  get limits() {
    const [top, left, bottom, right] = this.object.box;
    return { top: ordered(-top, this.height - bottom), left: ordered(-left, this.width - right) };
  }

  moveTo(top, left) {
    if (!this.object) return;
    const limits = this.limits;
    this.top = Math.min(Math.max(top, limits.top[0]), limits.top[1]);
    this.left = Math.min(Math.max(left, limits.left[0]), limits.left[1]);
    this.paint();
    this.moved();
  }

  setNegative(negative) {
    this.negative = negative;
    this.moveTo(this.top, this.left);
  }

  level(value) {
    return this.negative ? 255 - value : value;
  }

  // The object alone, as the networks would get it.
  get objectPixels() {
    return this.object.pixels.map((value) => this.level(value));
  }

  // The canvas as the networks read it: row by row, the channels of a pixel together.
  get pixels() {
    const { height, width, channels, object } = this;
    const made = new Uint8Array(height * width * channels);
    for (let place = 0; place < made.length; place += 1) {
      made[place] = this.level(object.background[place % channels]);
    }
    for (let row = 0; row < object.height; row += 1) {
      const y = row + this.top;
      if (y < 0 || y >= height) continue;
      for (let column = 0; column < object.width; column += 1) {
        const x = column + this.left;
        if (x < 0 || x >= width) continue;
        for (let channel = 0; channel < channels; channel += 1) {
          const from = (row * object.width + column) * channels + channel;
          made[(y * width + x) * channels + channel] = this.level(object.pixels[from]);
        }
      }
    }
    return made;
  }

  paint() {
    paintPixels(this.canvas, this.pixels, this.channels);
  }

  take(event) {
    if (!this.object || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.classList.add("held");
    const { top, left } = this;
    this.taken = { x: event.clientX, y: event.clientY, top, left, down: 0, right: 0 };
  }

  drag(event) {
    if (!this.taken) return;
    const scale = this.width / this.canvas.getBoundingClientRect().width;
    const down = Math.round((event.clientY - this.taken.y) * scale);
    const right = Math.round((event.clientX - this.taken.x) * scale);
    // A pointer moves many times within one pixel of the canvas; the networks are asked once.
    if (down === this.taken.down && right === this.taken.right) return;
    Object.assign(this.taken, { down, right });
    this.moveTo(this.taken.top + down, this.taken.left + right);
  }

  press(event) {
    const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
    const step = steps[event.key];
    if (!step || !this.object || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const times = event.shiftKey ? 5 : 1;
    this.moveTo(this.top + times * step[0], this.left + times * step[1]);
  }
}

function ordered(first, last) {
  // An object larger than the canvas stands still in the middle.
  return first <= last ? [first, last] : [(first + last) >> 1, (first + last) >> 1];
}

// Grey or coloured pixels on a canvas of their size; `tint(pixel, place)` may change each.
export function paintPixels(canvas, pixels, channels, tint) {
  const image = new ImageData(canvas.width, canvas.height);
  for (let place = 0; place < canvas.width * canvas.height; place += 1) {
    const at = place * channels;
    let pixel = channels === 1 ? [pixels[at], pixels[at], pixels[at]]
      : [pixels[at], pixels[at + 1], pixels[at + 2]];
    if (tint) pixel = tint(pixel, place);
    image.data.set([...pixel, 255], 4 * place);
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
