"""LitServe with convwise's model: images as base64 in JSON, as its own examples take them.

    python contenders/litserve_server.py MODEL --port 8001

Decoding and network are convwise's own, in one worker that gets batches of the same size and with
the same deadline as convwise's server. More workers would share two cores with the HTTP process.
"""

from __future__ import annotations

import argparse
import base64
from pathlib import Path
from typing import Any

import litserve
import numpy as np

from convwise.data.decode import decode_image
from convwise.evaluation.predict import Predictor
from convwise.model.modelfile import load_model


class Labels(litserve.LitAPI):
    """Label of an image, and its probability.

    The object goes to a process of its own, so it is told everything when it is made.
    """

    def __init__(self, path: Path, **options: Any) -> None:
        super().__init__(**options)
        self.path = path

    def setup(self, device: str) -> None:
        self.model = load_model(self.path)
        self.answer = Predictor(self.model).probabilities

    # LitServe reads the annotations of these two, and takes JSON where there are none.
    def decode_request(self, request):  # type: ignore[no-untyped-def]
        return decode_image(base64.b64decode(request["image"]), self.model.image_format)

    def batch(self, inputs: list[Any]) -> Any:
        return np.stack(inputs)

    def predict(self, pixels: Any) -> Any:
        return self.answer(pixels)

    def unbatch(self, output: Any) -> list[Any]:
        return list(output)

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        best = int(output.argmax())
        return {"label": self.model.classes[best], "probability": float(output[best])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=Path)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--workers", type=int, default=1)
    asked = parser.parse_args()
    api = Labels(asked.model, max_batch_size=32, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu", workers_per_device=asked.workers)
    server.run(port=asked.port, host="127.0.0.1", generate_client_file=False, log_level="warning")
