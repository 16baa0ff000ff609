"""Outcomes of races, kept in the user's cache.

What is chosen by a race decides a training's bits. With the outcome kept, a repeated run chooses
alike, and does not spend the seconds of the race again (docs/decisions/0008 and 0010).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from convwise import kernels
from convwise.data.catalogue import cache_folder
from convwise.data.cores import processor

Outcome = TypeVar("Outcome")

# Each lets libraries compute as if the processor were another.
_INSTRUCTIONS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "NUMBA_CPU_NAME")


class Outcomes(Generic[Outcome]):
    """Outcomes in a JSON file; where it cannot be read or written, races are run again.

    Args:
        path: of the file.
        check: turns a JSON value into an outcome, or raises ValueError or TypeError.

    Attributes:
        known: what was raced → the outcome, which is plain JSON.
    """

    def __init__(self, path: Path, check: Callable[[Any], Outcome]) -> None:
        self._path = path
        self.known: dict[str, Outcome] = {}
        with contextlib.suppress(OSError, ValueError, TypeError, AttributeError):
            read = json.loads(path.read_text(encoding="utf-8"))
            self.known = {str(key): check(value) for key, value in read.items()}
        self._saved = len(self.known)

    def save(self) -> None:
        """Write the file, if there is anything new."""
        if len(self.known) == self._saved:
            return
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            aside = self._path.with_suffix(f".{time.monotonic_ns():x}")
            aside.write_text(json.dumps(self.known, indent=1), encoding="utf-8")
            aside.replace(self._path)
            self._saved = len(self.known)


def outcomes_file(race: str) -> Path:
    """Return where outcomes of a kind of race are kept for what they depend on here.

    These are the processor and the instructions that may be used of it, the versions of torch and
    of the kernels, and the number of threads.
    """
    facts: list[Any] = [processor(), torch.__version__, torch.get_num_threads()]
    facts += [os.environ.get(name, "") for name in _INSTRUCTIONS]
    if kernels.available():
        from convwise.kernels.parallel import version_of_kernels

        facts.append(version_of_kernels())
    name = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]
    return cache_folder() / "races" / f"{race}-{name}.json"
