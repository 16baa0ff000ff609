// Pictures of a camera, one after the other, as fast as they can be answered.

const PAUSE = 80;

export function cameraIsThere() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

/**
 * Start the camera.
 * @param {HTMLVideoElement} video shows it
 * @param {(video: HTMLVideoElement) => Promise<void>} seen called with each picture
 * @returns {Promise<() => void>} stops it
 */
export async function startCamera(video, seen) {
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    throw new Error(
      error.name === "NotAllowedError"
        ? "The browser did not allow the camera; allow it for this page and try again."
        : "No camera answers.",
    );
  }
  video.srcObject = stream;
  await video.play();
  let running = true;
  (async () => {
    while (running) {
      await seen(video);
      await new Promise((resolve) => setTimeout(resolve, PAUSE));
    }
  })();
  return () => {
    running = false;
    // The last picture stays on the screen.
    for (const track of stream.getTracks()) track.stop();
  };
}
