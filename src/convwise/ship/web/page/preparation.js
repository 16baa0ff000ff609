// From a decoded picture to the pixels that the network takes: the model's image format, step by step as
// Python does it (background, channels, size, padding), so that the same file gives the same numbers.

import { resample } from "./resample.js";

/**
 * @param {{width: number, height: number, data: Uint8ClampedArray}} picture red, green, blue, alpha
 * @param {object} format the model's image format
 * @returns {{width: number, height: number, channels: number, data: Uint8Array}} of the format's size
 */
export function prepared(picture, format) {
  const levels = withChannels(picture, format);
  if (levels.width === format.width && levels.height === format.height) return levels;
  const scaled = scaledSize(levels, format);
  if (format.resize === "crop") return cropped(levels, scaled, format);
  const resized = isOf(levels, scaled) ? levels : resample(levels, scaled.width, scaled.height);
  const left = Math.floor((format.width - scaled.width) / 2);
  const top = Math.floor((format.height - scaled.height) / 2);
  return placed(resized, format, left, top);
}

/** A picture on a ground of the format's size and padding level; what lies outside is cut off. */
export function placed(picture, format, left, top) {
  const { width, height, channels, data } = picture;
  if (left === 0 && top === 0 && isOf(picture, format)) return picture;
  const ground = new Uint8Array(format.width * format.height * channels).fill(format.pad_value);
  const first = Math.max(0, -left);
  const end = Math.min(width, format.width - left);
  for (let row = Math.max(0, -top); first < end && row < Math.min(height, format.height - top); row += 1) {
    const part = data.subarray((row * width + first) * channels, (row * width + end) * channels);
    ground.set(part, ((row + top) * format.width + first + left) * channels);
  }
  return { width: format.width, height: format.height, channels, data: ground };
}

function isOf(picture, { width, height }) {
  return picture.width === width && picture.height === height;
}

function withChannels({ width, height, data }, format) {
  const count = width * height;
  const levels = new Uint8Array(count * format.channels);
  const colour = [0, 0, 0];
  for (let pixel = 0, from = 0, to = 0; pixel < count; pixel += 1, from += 4) {
    for (let channel = 0; channel < 3; channel += 1) {
      colour[channel] = blended(data[from + channel], data[from + 3], format.alpha_background);
    }
    if (format.channels === 1) {
      // The luma of ITU-R BT.601 in Pillow's fixed point.
      levels[to] = (colour[0] * 19595 + colour[1] * 38470 + colour[2] * 7471 + 0x8000) >> 16;
      to += 1;
    } else {
      levels.set(colour, to);
      to += 3;
    }
  }
  return { width, height, channels: format.channels, data: levels };
}

function blended(level, alpha, background) {
  if (alpha === 255) return level;
  const sum = background * (255 - alpha) + level * alpha + 128;
  return ((sum >> 8) + sum) >> 8;
}

/** The size of the whole picture before it is padded or cut; halves are rounded up. */
function scaledSize({ width, height }, format) {
  if (format.resize === "stretch") return { width: format.width, height: format.height };
  const byWidth = format.width * height <= format.height * width;
  return byWidth === (format.resize === "pad")
    ? { width: format.width, height: share(height, format.width, width) }
    : { width: share(width, format.height, height), height: format.height };
}

function share(side, wanted, whole) {
  return Math.max(1, Math.floor((2 * side * wanted + whole) / (2 * whole)));
}

function cropped(picture, scaled, format) {
  const left = Math.floor((scaled.width - format.width) / 2);
  const top = Math.floor((scaled.height - format.height) / 2);
  if (isOf(picture, scaled)) return placed(picture, format, -left, -top);
  const across = picture.width / scaled.width;
  const down = picture.height / scaled.height;
  return resample(picture, format.width, format.height, [
    left * across,
    top * down,
    Math.min((left + format.width) * across, picture.width),
    Math.min((top + format.height) * down, picture.height),
  ]);
}
