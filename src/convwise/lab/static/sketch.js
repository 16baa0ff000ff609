// A small board to draw on, white on black as the pictures of clothes are.

export function sketchOn(canvas, wipe, drawn) {
  const context = canvas.getContext("2d");
  let last = null;

  function clear() {
    context.fillStyle = "black";
    context.fillRect(0, 0, canvas.width, canvas.height);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    return [(event.clientX - box.left) * canvas.width / box.width,
      (event.clientY - box.top) * canvas.height / box.height];
  }

  function line(to) {
    Object.assign(context, { strokeStyle: "white", lineWidth: 22, lineCap: "round" });
    context.beginPath();
    context.moveTo(...last);
    context.lineTo(...to);
    context.stroke();
    last = to;
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    last = place(event);
    line(last);
  });
  canvas.addEventListener("pointermove", (event) => { if (last) line(place(event)); });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, () => {
      if (!last) return;
      last = null;
      canvas.toBlob(drawn, "image/png");
    });
  }
  wipe.addEventListener("click", clear);
  clear();
}
