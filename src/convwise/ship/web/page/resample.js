// Pillow's antialiased bilinear filter, to the bit: its taps, its fixed point, its rounding between the passes
// (Pillow, src/libImaging/Resample.c), and which pass comes first, as Pillow 13 has it.

const ONE = 1 << 22;

/**
 * Scale a part of a picture.
 * @param {{width: number, height: number, channels: number, data: Uint8Array}} picture levels, channels last
 * @param {number} width columns afterwards
 * @param {number} height rows afterwards
 * @param {number[]} box left, top, right, bottom of the part
 */
export function resample(picture, width, height, box = [0, 0, picture.width, picture.height]) {
  const [left, top, right, bottom] = box.map(Math.fround);
  const columns = taps(picture.width, left, right, width);
  const rows = taps(picture.height, top, bottom, height);
  const fewer = picture.height - height;
  return fewer > 0 && fewer > 2 * (picture.width - width)
    ? alongColumns(alongRows(picture, rows), columns)
    : alongRows(alongColumns(picture, columns), rows);
}

/** For each place after scaling: the first place before it that counts, and the weights from there on. */
function taps(length, from, to, count) {
  const scale = Math.fround(to - from) / count;
  const reach = Math.max(scale, 1);
  return Array.from({ length: count }, (_, place) => {
    const centre = from + (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(length, Math.trunc(centre + reach + 0.5));
    const weights = [];
    for (let at = first; at < end; at += 1) {
      weights.push(Math.max(0, 1 - Math.abs((at - centre + 0.5) * (1 / reach))));
    }
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return { first, weights: Int32Array.from(weights, (weight) => Math.trunc(0.5 + (weight / total) * ONE)) };
  });
}

function alongColumns({ width, height, channels, data }, columns) {
  const found = new Uint8Array(columns.length * height * channels);
  for (let row = 0, to = 0; row < height; row += 1) {
    const start = row * width * channels;
    for (const { first, weights } of columns) {
      for (let channel = 0; channel < channels; channel += 1, to += 1) {
        let sum = ONE / 2;
        let from = start + first * channels + channel;
        for (let tap = 0; tap < weights.length; tap += 1, from += channels) {
          sum += data[from] * weights[tap];
        }
        found[to] = level(sum);
      }
    }
  }
  return { width: columns.length, height, channels, data: found };
}

function alongRows({ width, channels, data }, rows) {
  const line = width * channels;
  const found = new Uint8Array(rows.length * line);
  rows.forEach(({ first, weights }, row) => {
    for (let place = 0; place < line; place += 1) {
      let sum = ONE / 2;
      let from = first * line + place;
      for (let tap = 0; tap < weights.length; tap += 1, from += line) {
        sum += data[from] * weights[tap];
      }
      found[row * line + place] = level(sum);
    }
  });
  return { width, height: rows.length, channels, data: found };
}

function level(sum) {
  return Math.min(255, sum >> 22);
}
