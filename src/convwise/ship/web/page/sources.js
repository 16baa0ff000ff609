// The three ways in: a file, a drawing, the camera.

import { cameraIsThere, startCamera } from "./camera.js";
import { drawable } from "./pad.js";
import { decoded, pixelsOf, preview } from "./pictures.js";

const byId = (id) => document.getElementById(id);
const WAYS = ["file", "drawing", "camera"];
const PREVIEW_SIDE = 640;

/**
 * @param {object} format the model's image format
 * @param {(picture: ImageData, options?: {home?: boolean}) => Promise<void>} take
 */
export function showSources(format, take) {
  let stopCamera = () => {};
  const latest = {};

  function open(way) {
    stopCamera();
    stopCamera = () => {};
    for (const each of WAYS) {
      byId(`${each}-panel`).hidden = each !== way;
      byId(`as-${each}`).setAttribute("aria-pressed", String(each === way));
    }
    complain(null);
  }

  /** Go back to a way in, and to what came by it. */
  function reopen(way) {
    open(way);
    if (latest[way]) take(latest[way]);
  }

  function takeFrom(way, picture) {
    latest[way] = picture;
    return take(picture);
  }

  async function fromFile(file) {
    if (!file) return;
    open("file");
    try {
      const picture = await decoded(file);
      preview(byId("preview"), picture, PREVIEW_SIDE);
      byId("preview").hidden = false;
      byId("invitation").hidden = true;
      byId("file-name").textContent = `${file.name || "pasted picture"}, ${picture.width} × ${picture.height} pixels`;
      await takeFrom("file", picture);
    } catch (error) {
      complain(error);
    }
  }

  async function fromCamera() {
    open("camera");
    byId("hold").textContent = "Hold this picture";
    try {
      const stop = await startCamera(byId("video"), (video) =>
        take(pixelsOf(video, video.videoWidth, video.videoHeight), { home: false }),
      );
      stopCamera = stop;
      if (byId("camera-panel").hidden) stop();
    } catch (error) {
      complain(error);
    }
  }

  byId("as-file").addEventListener("click", () => reopen("file"));
  byId("as-drawing").addEventListener("click", () => reopen("drawing"));
  byId("as-camera").addEventListener("click", fromCamera);
  byId("hold").addEventListener("click", () => {
    stopCamera();
    byId("hold").textContent = "Held; press Camera to go on";
  });
  if (!cameraIsThere()) {
    byId("as-camera").disabled = true;
    byId("as-camera").title = "A browser gives the camera to pages that come by https or from localhost.";
  }
  listenToFiles(fromFile);
  listenToPad(format, (picture) => takeFrom("drawing", picture));
}

function listenToFiles(fromFile) {
  byId("file").addEventListener("change", () => fromFile(byId("file").files[0]));
  for (const name of ["dragover", "drop"]) {
    document.addEventListener(name, (event) => event.preventDefault());
  }
  document.addEventListener("drop", (event) => fromFile(event.dataTransfer.files[0]));
  document.addEventListener("paste", (event) => fromFile(event.clipboardData.files[0]));
}

function listenToPad(format, take) {
  // Drawings begin on the level that pictures are padded with: black for Fashion-MNIST and its like.
  const isDark = format.pad_value < 128;
  const paper = isDark ? "#000000" : "#ffffff";
  byId("ink").value = isDark ? "#ffffff" : "#000000";
  byId("ink-tool").hidden = format.channels === 1;
  const canvas = byId("pad");
  const pad = drawable(canvas, {
    paper,
    ink: () => byId("ink").value,
    width: () => byId("pen").valueAsNumber,
    changed: () => take(pixelsOf(canvas, canvas.width, canvas.height)),
  });
  byId("clear").addEventListener("click", pad.clear);
}

function complain(error) {
  byId("problem").textContent = error ? error.message : "";
  byId("problem").hidden = !error;
}
