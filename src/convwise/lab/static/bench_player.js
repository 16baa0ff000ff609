// The window's way over the image: a button, a pace, a slider. While it is on its way the map is
// filled as far as it has come; where one only looks at a place, all of it is there.

import { byId } from "./dom.js";

export function followWindow(show) {
  const button = byId("bench-play"), slider = byId("bench-place"), pace = byId("bench-pace");
  const output = document.querySelector("output[for=bench-place]");
  const words = button.textContent;
  let places = 1, place = 0, running = null, onItsWay = false;

  function tell(withWords = true) {
    slider.value = String(place + 1);
    output.textContent = `${place + 1} of ${places}`;
    show(place, onItsWay, withWords);
  }
  function pause() {
    if (running !== null) cancelAnimationFrame(running);
    running = null;
    button.textContent = words;
  }
  function run() {
    if (!onItsWay || place >= places - 1) place = 0;
    onItsWay = true;
    let before = null, owed = 0;
    button.textContent = "Stop";
    const step = (now) => {
      // A frame's time is when it began, which may lie before the click: only frames are compared.
      owed += (now - (before ?? now)) / 1000 * Number(pace.value);
      before = now;
      const whole = Math.floor(owed);
      owed -= whole;
      if (whole) {
        place = Math.min(place + whole, places - 1);
        tell(Number(pace.value) < 10 || place === places - 1);
      }
      if (place >= places - 1) pause();
      else running = requestAnimationFrame(step);
    };
    tell();
    running = requestAnimationFrame(step);
  }

  button.addEventListener("click", () => {
    if (running === null) run();
    else { pause(); tell(); }
  });
  slider.addEventListener("input", () => {
    pause();
    onItsWay = true;
    place = Number(slider.value) - 1;
    tell();
  });
  return {
    pause,
    // Another map: the same place where there are as many, or else the one that tells most.
    restart(number, telling) {
      pause();
      if (number !== places) place = telling;
      [places, onItsWay] = [number, false];
      slider.max = String(number);
      tell();
    },
    goTo(number) { [place, onItsWay] = [number, false]; tell(); },
    show: () => tell(),
  };
}
