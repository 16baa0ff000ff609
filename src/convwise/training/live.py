"""What somebody sees of a training who looks at its folder while it runs.

.progress.json   where it is; replaced twice a second, gone when the training has ended
examples.json    a few validation images, and what the network said of them after each epoch
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.data.store import PixelStore
from convwise.training.callbacks import Callback, CallbackWatcher
from convwise.training.progress import BatchRecord, EpochRecord, Watcher
from convwise.training.storage import write_atomically

PROGRESS = ".progress.json"
EXAMPLES = "examples.json"

SHOWN_IMAGES = 12
# Of a training of many epochs every second, fourth, … is kept.
MOST_ANSWERS = 40
LONGEST_SIDE = 96
SECONDS = 0.5


class LiveFiles(CallbackWatcher):
    """Passes everything on, and writes both files.

    A context manager: at its end ``.progress.json`` is removed.

    Args:
        folder: of the run.
        watcher: told first.
        classes: their names.
        callbacks: told too.
        clock: gives seconds; replaced in tests.
    """

    def __init__(
        self,
        folder: Path,
        watcher: Watcher,
        classes: Sequence[str],
        callbacks: Sequence[Callback] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(watcher, callbacks)
        self._folder, self._clock = folder, clock
        self._examples = Examples(folder / EXAMPLES, classes)
        self._facts: dict[str, Any] = {}
        self._written = self._begun = -float("inf")
        self._share_before: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(OSError):
            (self._folder / PROGRESS).unlink(missing_ok=True)

    def message(self, text: str) -> None:
        """Show it until the next one."""
        super().message(text)
        self._show(message=text)

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        """Start the clock."""
        super().started(epochs, steps_per_epoch, time_limit)
        self._begun = self._clock()
        self._show(epochs=epochs, steps_per_epoch=steps_per_epoch, message=None)

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        """Note it; :meth:`batch` follows."""
        super().step(epoch, step, share, loss, images_per_second)
        if self._share_before is None:
            # Of a training that goes on, a part was done before.
            self._share_before, self._begun = share, self._clock()
        done, spent = share - self._share_before, self._clock() - self._begun
        self._facts |= {
            "share": share,
            "images_per_second": images_per_second,
            "seconds_left": spent / done * (1.0 - share) if done > 0 else None,
        }

    def batch(self, record: BatchRecord) -> None:
        """Show where the training is, if that was not done just now."""
        super().batch(record)
        if self._clock() - self._written >= SECONDS:
            self._show(**vars(record))

    def validated(self, store: PixelStore, probabilities: NDArray[np.float32]) -> None:
        """Note the answers; the epoch's record follows."""
        super().validated(store, probabilities)
        self._examples.look(store, probabilities)

    def epoch(self, record: EpochRecord) -> None:
        """Add the answers to ``examples.json``.

        Raises:
            StorageError: it could not be written.
        """
        super().epoch(record)
        self._examples.keep(record.epoch)

    def _show(self, **facts: Any) -> None:
        self._facts |= facts
        self._written = self._clock()
        path = self._folder / PROGRESS
        aside = path.with_name(f"{PROGRESS}.{secrets.token_hex(4)}")
        # Nobody may be looking: a training never ends because this could not be written.
        with contextlib.suppress(OSError, ValueError):
            aside.write_text(json.dumps(self._facts, allow_nan=False), encoding="utf-8")
            os.replace(aside, path)  # noqa: PTH105 - as in storage.py
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


class Examples:
    """The content of ``examples.json``.

    Args:
        path: the file; what an interrupted training left there is gone on with.
        classes: their names.
    """

    def __init__(self, path: Path, classes: Sequence[str]) -> None:
        self._path, self._classes = path, classes
        self._images: list[dict[str, Any]] = []
        self._answers: list[dict[str, Any]] = []
        self._latest: dict[str, Any] = {}

    def look(self, store: PixelStore, probabilities: NDArray[np.float32]) -> None:
        """Note what is said of some images: the same ones each time, evenly chosen.

        Args:
            store: validation images.
            probabilities: float32 (images, classes).
        """
        if not len(store):
            return
        count = min(SHOWN_IMAGES, len(store))
        chosen = np.linspace(0, len(store) - 1, count).astype(np.int64)
        if not self._images:
            self._images = [_described(store, place) for place in chosen.tolist()]
            self._answers = _kept_before(self._path, self._images)
        answers, labels = probabilities[chosen], store.labels[chosen]
        self._latest = {
            "predicted": answers.argmax(axis=1).tolist(),
            "probability": _rounded(answers.max(axis=1)),
            "label_probability": _rounded(answers[np.arange(count), labels]),
        }

    def keep(self, epoch: int) -> None:
        """Write the file with what was noted last.

        Raises:
            StorageError: it could not be written.
        """
        if not self._latest:
            return
        # An epoch that was broken off is there already.
        before = [each for each in self._answers if each["epoch"] < epoch]
        if len(before) >= MOST_ANSWERS:
            before = before[::2]
        self._answers = [*before, {"epoch": epoch, **self._latest}]
        content = {
            "classes": list(self._classes),
            "images": self._images,
            "answers": self._answers,
        }
        text = json.dumps(content, ensure_ascii=False, allow_nan=False)
        write_atomically(self._path, (text + "\n").encode("utf-8", "backslashreplace"))


def _rounded(values: NDArray[np.float32]) -> list[float]:
    return [round(value, 4) for value in values.tolist()]


def _described(store: PixelStore, place: int) -> dict[str, Any]:
    pixels = store.take(slice(place, place + 1))[0]
    grey = pixels.shape[2] == 1
    picture = Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if grey else pixels))
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    file = io.BytesIO()
    picture.save(file, "PNG")
    return {
        "id": store.ids[place],
        "label": int(store.labels[place]),
        "png": base64.b64encode(file.getvalue()).decode("ascii"),
    }


def _kept_before(path: Path, images: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the answers that the file holds, if it is whole and of the same images."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = [each["id"] for each in found["images"]] == [each["id"] for each in images]
        return [each for each in found["answers"] if int(each["epoch"]) >= 0] if same else []
    except (OSError, ValueError, KeyError, TypeError):
        return []
