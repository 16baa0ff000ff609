"""The work of a server without a server: files in memory, decoded by threads, labelled in batches.

    python benchmarks/serve_in_process.py MODEL MATERIAL --seconds 5

Prints one JSON object with images_per_second.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from convwise.data.cores import usable_cores
from convwise.data.decode import decode_image
from convwise.evaluation.predict import Predictor
from convwise.model.modelfile import load_model

# As convwise.evaluation.files.predict_files does it.
CHUNK = 256


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("model", type=Path)
    parser.add_argument("material", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    asked = parser.parse_args()
    model = load_model(asked.model)
    answer = Predictor(model).probabilities
    with np.load(asked.material) as loaded:
        files = [loaded[name].tobytes() for name in loaded.files if name.startswith("file")]
    chunk = [files[place % len(files)] for place in range(CHUNK)]
    done, began = 0, 0.0
    with ThreadPoolExecutor(usable_cores()) as pool:
        for number in range(1_000_000):
            pixels = pool.map(lambda content: decode_image(content, model.image_format), chunk)
            answer(np.stack(list(pixels)))
            if number == 0:  # warms up
                began = time.perf_counter()
                continue
            done += CHUNK
            if time.perf_counter() - began >= asked.seconds:
                break
    print(json.dumps({"images_per_second": done / (time.perf_counter() - began)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
