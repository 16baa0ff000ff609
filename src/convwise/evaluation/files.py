"""Predictions for image files, with the preprocessing that the model carries."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.data.decode import decode_image
from convwise.data.files import printable
from convwise.data.folder import PICTURE_SUFFIXES
from convwise.errors import DataError
from convwise.evaluation.predict import Answer, PredictionPrecision, Predictor
from convwise.image import ImageFormat
from convwise.model.trained import TrainedModel

# Files that are asked about at once; of large pictures fewer, so that their pixels stay below this.
CHUNK, CHUNK_BYTES = 256, 64 << 20

Decoded = NDArray[np.uint8] | str
"""Pixels, or the reason why there are none."""


@dataclass(frozen=True)
class FilePrediction:
    """The answer for one file: probabilities, or the reason why there are none."""

    path: Path
    classes: tuple[str, ...]
    probabilities: NDArray[np.float32] | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values with the keys that ``convwise predict --json`` prints."""
        path = printable(str(self.path))
        if self.probabilities is None:
            return {"path": path, "error": self.error}
        best = int(self.probabilities.argmax())
        return {
            "path": path,
            "label": self.classes[best],
            "probability": float(self.probabilities[best]),
            "probabilities": {
                name: float(value)
                for name, value in zip(self.classes, self.probabilities, strict=True)
            },
        }


def image_files(paths: Iterable[Path]) -> list[Path]:
    """Return files as they are given, and for each folder all image files below it, by name.

    Raises:
        DataError: a path does not exist, or a folder holds no image.
    """
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            if not path.exists():
                raise DataError(f"{path} does not exist; give image files or folders of images")
            files.append(path)
            continue
        found = sorted(
            file
            for file in path.rglob("*")
            if file.suffix.lower() in PICTURE_SUFFIXES
            and file.is_file()
            and not _is_hidden(file.relative_to(path))
        )
        if not found:
            raise DataError(f"the folder {path} holds no image; known are {_known_suffixes()}")
        files.extend(found)
    return files


def _is_hidden(file: Path) -> bool:
    # macOS leaves a "._photo.jpg" beside each photo on other disks.
    return any(part.startswith(".") for part in file.parts)


def _known_suffixes() -> str:
    return ", ".join(sorted(suffix[1:] for suffix in PICTURE_SUFFIXES))


def predict_files(
    model: TrainedModel,
    files: Iterable[Path],
    *,
    precision: PredictionPrecision = "fp32",
    answer: Answer | None = None,
) -> Iterator[FilePrediction]:
    """Yield a prediction for each file, in order; memory does not grow with their number.

    While the model is asked about some files, threads decode the next ones.

    Args:
        model: its ImageFormat decodes the files.
        files: of images.
        precision: that the network computes in.
        answer: asked for probabilities in the model's place.
    """
    answer = answer or Predictor(model, precision).probabilities
    with closing(_decoded_ahead(files, model.image_format)) as chunks:
        for chunk, decoded in chunks:
            pictures = [each for each in decoded if not isinstance(each, str)]
            answers: Iterator[NDArray[np.float32]] = iter(
                answer(np.stack(pictures)) if pictures else ()
            )
            for file, each in zip(chunk, decoded, strict=True):
                if isinstance(each, str):
                    yield FilePrediction(file, model.classes, error=each)
                else:
                    yield FilePrediction(file, model.classes, probabilities=next(answers))


def _decoded_ahead(
    files: Iterable[Path], image_format: ImageFormat
) -> Generator[tuple[list[Path], list[Decoded]], None, None]:
    """Yield files, some at a time, with what is in them; the next are decoded meanwhile."""

    def decode(file: Path) -> Decoded:
        try:
            return decode_image(file, image_format)
        except DataError as error:
            return str(error)

    remaining = iter(files)
    size = max(1, min(CHUNK, CHUNK_BYTES // prod(image_format.shape)))
    pool = ThreadPoolExecutor()
    waiting: deque[tuple[list[Path], Iterator[Decoded]]] = deque()
    try:
        while chunk := list(itertools.islice(remaining, size)):
            waiting.append((chunk, pool.map(decode, chunk)))
            if len(waiting) > 1:
                first, decoding = waiting.popleft()
                yield first, list(decoding)
        for chunk, decoding in waiting:
            yield chunk, list(decoding)
    finally:
        # Who wants no more answers does not wait for what nobody asks about.
        pool.shutdown(cancel_futures=True)
