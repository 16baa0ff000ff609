// A pad to draw on, in grey levels or in colour.

const SIDE = 280;

/**
 * @param {HTMLCanvasElement} canvas
 * @param {{paper: string, ink: () => string, width: () => number, changed: () => void}} settings
 * @returns {{clear: () => void}}
 */
export function drawable(canvas, settings) {
  canvas.width = SIDE;
  canvas.height = SIDE;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  let last = null;

  function clear() {
    context.fillStyle = settings.paper;
    context.fillRect(0, 0, SIDE, SIDE);
    settings.changed();
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [((event.clientX - box.left) * SIDE) / box.width, ((event.clientY - box.top) * SIDE) / box.height];
  }

  function stroke(to) {
    context.strokeStyle = settings.ink();
    context.lineWidth = settings.width();
    context.lineCap = "round";
    context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...to);
    context.stroke();
    last = to;
    settings.changed();
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    stroke(last);
  });
  canvas.addEventListener("pointermove", (event) => last && stroke(place(event)));
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      last = null;
    });
  }
  context.fillStyle = settings.paper;
  context.fillRect(0, 0, SIDE, SIDE);
  return { clear };
}
