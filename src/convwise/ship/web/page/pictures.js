// From a file, a drawing or a camera to red, green, blue and alpha, 0…255.

const MOST_PIXELS = 100_000_000;
const SMALL = 160;

/**
 * Decode a file: upright by its EXIF tag, its colours left as they are stored.
 * @param {Blob} file
 */
export async function decoded(file) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new Error(`${file.name || "This"} is no picture that this browser can decode.`);
  }
  if (bitmap.width * bitmap.height > MOST_PIXELS) {
    throw new Error(`${bitmap.width} × ${bitmap.height} pixels are more than the 100 million allowed.`);
  }
  const picture = pixelsOf(bitmap, bitmap.width, bitmap.height);
  bitmap.close();
  return picture;
}

/** The pixels of anything that can be drawn on a canvas. */
export function pixelsOf(source, width, height) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  // Read back from memory, not from a graphics card, whose rounding is its own. A canvas keeps colours
  // multiplied by their alpha; in floats that costs no level, where a browser has them.
  const context = canvas.getContext("2d", {
    willReadFrequently: true,
    colorSpace: "srgb",
    colorType: "float16",
  });
  context.drawImage(source, 0, 0);
  return context.getImageData(0, 0, width, height, { colorSpace: "srgb" });
}

/** Show a picture on a canvas, whole; a large one smaller, and the pixels of a small one as squares. */
export function preview(canvas, picture, longest) {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height));
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  const whole = Object.assign(document.createElement("canvas"), {
    width: picture.width,
    height: picture.height,
  });
  whole.getContext("2d").putImageData(picture, 0, 0);
  canvas.getContext("2d").drawImage(whole, 0, 0, canvas.width, canvas.height);
  canvas.classList.toggle("small-picture", Math.max(picture.width, picture.height) < SMALL);
}
