"""One model as it is served, and how it is read from its file."""

from __future__ import annotations

import hashlib
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convwise.errors import ModelFileError
from convwise.image import ImageFormat
from convwise.model.modelfile import FILE_NAME, load_model
from convwise.model.trained import TrainedModel
from convwise.serve.batching import Batcher, OnBatch
from convwise.ship.card import model_card
from convwise.ship.runtimes import RuntimeName, race, runtime_of

WantedRuntime = Literal["auto"] | RuntimeName
_TRIES = 3


@dataclass(frozen=True, eq=False)
class ServedModel:
    """A model that is ready to answer.

    Args:
        name: by which it is asked for.
        version: the first twelve digits of its file's SHA-256.
        model: what the file holds.
        runtime: what computes.
        runtime_words: why.
        card: Markdown.
        batcher: where pictures for it wait.
    """

    name: str
    version: str
    model: TrainedModel
    runtime: RuntimeName
    runtime_words: str
    card: str
    batcher: Batcher

    @property
    def image_format(self) -> ImageFormat:
        """How a picture becomes its input."""
        return self.model.image_format

    def facts(self) -> dict[str, Any]:
        """Return what ``GET /model`` tells, in plain JSON values."""
        measured = self.model.measured
        return {
            "name": self.name,
            "version": self.version,
            "network": self.model.name,
            "classes": list(self.model.classes),
            "image_format": self.image_format.to_dict(),
            "runtime": self.runtime,
            "test_accuracy": measured.get("test_accuracy"),
            "test_images": measured.get("test_images"),
            "card": self.card,
        }


@dataclass(frozen=True)
class Batching:
    """How pictures are put together.

    Args:
        most: pictures in a batch.
        wait_seconds: that the first of them waits for others that are on their way.
    """

    most: int = 32
    wait_seconds: float = 0.005


def read_served(
    name: str,
    path: Path,
    runtime: WantedRuntime,
    *,
    batching: Batching,
    executor: Executor,
    on_batch: OnBatch,
) -> ServedModel:
    """Read a model file, choose a runtime, and ask it once, so that the first request is quick.

    Raises:
        ModelFileError: the file is missing, damaged, or changes all the time.
        MissingExtraError: the runtime is not installed.
    """
    model, version, card = _read_whole(path)
    if runtime == "auto":
        outcome = race(model, batch=batching.most)
        chosen, words = outcome.chosen, outcome.sentence()
    else:
        chosen, words = runtime_of(model, runtime), f"runtime {runtime}: as asked for"
    for count in {1, batching.most}:
        chosen.answer(np.zeros((count, *model.image_format.shape), np.uint8))
    batcher = Batcher(
        chosen.answer,
        most=batching.most,
        wait_seconds=batching.wait_seconds,
        executor=executor,
        on_batch=on_batch,
    )
    found: RuntimeName = chosen.name  # type: ignore[assignment]  # of runtimes' own names
    return ServedModel(name, version, model, found, words, card, batcher)


def _read_whole(path: Path) -> tuple[TrainedModel, str, str]:
    """Return model, version and card of one state of the file."""
    file = path / FILE_NAME if path.is_dir() else path
    for _ in range(_TRIES):
        before = _digest(file)
        model, card = load_model(path), model_card(path)
        if _digest(file) == before:
            return model, before[:12], card
    raise ModelFileError(f"{file} is being changed; write a new file aside and rename it")


def _digest(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        return ""  # what is missing is told by whoever opens the model
    except OSError as error:
        raise ModelFileError(f"{file} cannot be read ({error.strerror})") from None
