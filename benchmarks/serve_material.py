"""What a server is asked about in the benchmark: a model and files, with the right answers.

The network is ``fast`` with weights as they are drawn: what it costs does not depend on what it has
learnt. So that answers differ from picture to picture, its logits are spread by the temperature.
"""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from photo_crops import photographs
from PIL import Image

from convwise.data import load_data
from convwise.data.decode import decode_image
from convwise.design.plan import plan
from convwise.evaluation.predict import predict_logits, predict_probabilities
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel

CLASSES = 10
FILES = 128
KINDS = {
    "png": ImageFormat(28, 28, 1, mean=(0.29,), std=(0.35,)),
    "jpeg": ImageFormat(64, 64, 3, mean=(0.45,) * 3, std=(0.25,) * 3),
}
TITLES = {"png": "PNG 28×28", "jpeg": "JPEG 500×375"}
WANTED_SPREAD = 2.0


def write_material(kind: str, folder: Path) -> tuple[Path, Path]:
    """Write a model file, and an archive with files and the answers to them.

    Returns:
        The two paths.
    """
    files = _pngs() if kind == "png" else _jpegs()
    image_format = KINDS[kind]
    network = build(plan("fast", image_format, CLASSES), seed=0).eval()
    names = tuple(map(str, range(CLASSES)))
    model = TrainedModel(network, image_format, names, "fast")
    pixels = np.stack([decode_image(each, image_format) for each in files])
    spread = float(predict_logits(model, pixels).std(axis=0).mean())
    model = dataclasses.replace(model, temperature=max(spread / WANTED_SPREAD, 1e-3))
    answers = np.concatenate([predict_probabilities(model, each[np.newaxis]) for each in pixels])
    model_file, material = folder / f"{kind}.safetensors", folder / f"{kind}.npz"
    model_file.write_bytes(model_bytes(model))
    arrays: dict[str, NDArray[np.uint8] | NDArray[np.float32]] = {"answers": answers}
    for place, content in enumerate(files):
        arrays[f"file{place}"] = np.frombuffer(content, np.uint8)
    np.savez(material, **arrays)
    return model_file, material


def nearest(answers: NDArray[np.float32]) -> float:
    """Return how far the two most alike answers are from each other.

    Example:
        >>> float(nearest(np.array([[0.0, 1.0], [0.25, 0.75], [1.0, 0.0]], np.float32)))
        0.25
    """
    apart = np.abs(answers[:, None] - answers[None]).max(axis=2)
    return float(apart[~np.eye(len(answers), dtype=bool)].min())


def _pngs() -> list[bytes]:
    pixels = load_data("fashion-mini").decode().stores["test"].pixels[:FILES, :, :, 0]
    return [_written(Image.fromarray(np.asarray(each)), "PNG") for each in pixels]


def _jpegs() -> list[bytes]:
    random, found = np.random.default_rng(0), list(photographs().values())
    files = []
    for number in range(FILES):
        with Image.open(found[number % len(found)]) as opened:
            image = opened.convert("RGB")
        wide, high = (max(image.width, 520), max(image.height, 400))
        image = image.resize((wide, high))
        left, top = random.integers(0, wide - 500 + 1), random.integers(0, high - 375 + 1)
        crop = image.crop((left, top, left + 500, top + 375))
        files.append(_written(crop, "JPEG", quality=85))
    return files


def _written(image: Image.Image, kind: str, **options: int) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
