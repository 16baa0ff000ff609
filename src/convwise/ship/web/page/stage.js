// What the network sees, pixel for pixel, and the hand that moves it.

const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const LONG_STEP = 5;

/** Draw uint8 levels of one or three channels. */
export function draw(canvas, { width, height, channels, data }) {
  const shown = new ImageData(width, height);
  for (let pixel = 0; pixel < width * height; pixel += 1) {
    for (let channel = 0; channel < 3; channel += 1) {
      shown.data[4 * pixel + channel] = data[pixel * channels + (channels === 3 ? channel : 0)];
    }
    shown.data[4 * pixel + 3] = 255;
  }
  canvas.width = width;
  canvas.height = height;
  canvas.getContext("2d").putImageData(shown, 0, 0);
}

/**
 * Tell by how many of the network's pixels a pointer or the arrow keys move the picture.
 * @param {HTMLCanvasElement} canvas
 * @param {(right: number, down: number) => void} moved
 */
export function movable(canvas, moved) {
  let last = null;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = { x: event.clientX, y: event.clientY };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!last) return;
    const scale = canvas.width / canvas.clientWidth;
    const right = Math.trunc((event.clientX - last.x) * scale);
    const down = Math.trunc((event.clientY - last.y) * scale);
    if (!right && !down) return;
    // What is less than a pixel is kept for the next event.
    last = { x: last.x + right / scale, y: last.y + down / scale };
    moved(right, down);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      last = null;
    });
  }
  canvas.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step) return;
    event.preventDefault();
    const length = event.shiftKey ? LONG_STEP : 1;
    moved(step[0] * length, step[1] * length);
  });
}
