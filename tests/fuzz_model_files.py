"""Open damaged model files by the hundred thousand, and ask those that open about a picture.

    python tests/fuzz_model_files.py --mutations 100000

Only our own errors may come of the files of ``damaged_models.py``; nothing may be unpickled,
compiled, run or started. Whatever is found can be repeated with ``--only NUMBER``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from functools import cache
from math import prod
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch

import fuzzing
from convwise.errors import MissingExtraError, OptionError, RequestError
from convwise.evaluation.predict import predict_probabilities
from convwise.model.modelfile import load_model
from convwise.model.trained import TrainedModel
from convwise.ship.keras_import import import_keras
from convwise.ship.onnx_check import check_onnx
from damaged_models import corpus, mutated

# What a mutation may declare is opened, but not asked: an honest network of that size takes long.
MOST_FLOPS, MOST_PIXELS = 10**8, 10**6
WATCHED = ("pickle.", "marshal.", "exec", "compile", "os.system", "os.exec", "os.posix_spawn")
WATCHED += ("subprocess.", "socket.connect", "ctypes.dlopen", "code.__new__")


def _answered(model: TrainedModel) -> str:
    """Ask about one picture, if the network is not one that takes long."""
    if model.network.plan.total_flops > MOST_FLOPS or prod(model.image_format.shape) > MOST_PIXELS:
        return "opened, and too large to be asked"
    found = predict_probabilities(model, np.zeros((1, *model.image_format.shape), np.uint8))
    if found.shape != (1, len(model.classes)):
        raise AssertionError(f"the answer has the shape {found.shape}")
    return "answered"


def _imported(file: Path) -> TrainedModel:
    try:
        return import_keras(file)
    except OptionError:  # it does not scale pixels itself, which an import asks about
        return import_keras(file, pixels="0..1")


def outcome(file: Path) -> str:
    """Open a file, and ask it; say what came of it."""
    try:
        match file.suffix:
            case ".safetensors":
                return _answered(load_model(file))
            case ".keras":
                return _answered(_imported(file))
            case _:
                check_onnx(file)
                return "opened"
    except MissingExtraError:
        raise
    except RequestError as error:
        if not str(error).startswith(str(file)) and file.suffix == ".safetensors":
            raise AssertionError(f"the file is not named: {str(error)[:200]}") from error
        if len(str(error)) > 2_000 or "\n" in str(error):
            raise AssertionError(f"no clear sentence: {str(error)[:200]!r}") from error
        return "refused"


_events: list[str] = []
_watched = False


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if _watched and event.startswith(WATCHED):
        _events.append(f"{event} {str(arguments)[:80]}")


@cache
def _ready() -> Path:
    """Open all sound files, so that what is imported late is imported; then watch."""
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="convwise-fuzz-"))
    for number, (kind, content) in enumerate(corpus()):
        file = folder / f"{os.getpid()}-{number}{kind}"
        file.write_bytes(content)
        outcome(file)
        file.unlink()
    # So do errors: what is found here is found again when it counts.
    for number in range(300):
        with contextlib.suppress(Exception):
            _tried(folder, 0, number)
    sys.addaudithook(_hook)
    return folder


def _tried(folder: Path, seed: int, number: int) -> str:
    kind, content = mutated(seed, number)
    file = folder / f"{os.getpid()}{kind}"
    file.write_bytes(content)
    try:
        return f"{kind} {outcome(file)}"
    finally:
        file.unlink()


def try_one(seed: int, number: int) -> str:
    """Make a mutation, open it and ask it; whatever ran of it is an error."""
    global _watched
    folder = _ready()
    _watched = True
    try:
        said = _tried(folder, seed, number)
    finally:
        _watched = False
        events = _events.copy()
        _events.clear()
    if events:
        raise AssertionError(f"something was run: {events[:3]}")
    return said


def work(seed: int, first: int, last: int, step: int, pipe: Connection) -> None:
    """Try mutations in a process of its own."""
    _ready()
    fuzzing.each_tried(try_one, seed, range(first, last, step), pipe)


if __name__ == "__main__":
    sys.exit(fuzzing.command(__doc__, work, try_one, 100_000))
