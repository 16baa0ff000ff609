// The model in ONNX Runtime's WebAssembly build, on one thread: no server has to send special headers.

import * as ort from "./runtime/ort.wasm.bundle.min.js";

const RUNTIME = "runtime/ort-wasm-simd-threaded.wasm.gz";

/**
 * Load the model and what runs it. All that this page fetches is fetched here.
 * @returns {Promise<{facts: object, classify: (pictures: Uint8Array[]) => Promise<Float32Array[]>}>}
 */
export async function openClassifier() {
  const [facts, model, runtime] = await Promise.all(["model.json", "model.onnx", RUNTIME].map(fetched));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked(runtime);
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const told = JSON.parse(new TextDecoder().decode(facts));
  let turn = Promise.resolve();
  return {
    facts: told,
    classify(pictures) {
      // A session answers one question at a time.
      turn = turn.catch(() => {}).then(() => asked(session, told, pictures));
      return turn;
    },
  };
}

async function fetched(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path} did not come from the server (${answer.status})`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** Some servers unpack the file on the way, most do not. */
async function unpacked(bytes) {
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

async function asked(session, { image_format: format, classes }, pictures) {
  const size = format.height * format.width * format.channels;
  const pixels = new Uint8Array(pictures.length * size);
  pictures.forEach((picture, place) => pixels.set(picture, place * size));
  const shape = [pictures.length, format.height, format.width, format.channels];
  const input = new ort.Tensor("uint8", pixels, shape);
  const { probabilities } = await session.run({ pixels: input });
  const count = classes.length;
  return pictures.map((_, place) => probabilities.data.slice(place * count, (place + 1) * count));
}
