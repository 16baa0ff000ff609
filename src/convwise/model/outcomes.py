"""Outcomes of races, kept in the user's cache.

What is chosen by a race decides a training's bits. With the outcome kept, a repeated run chooses
alike, and does not spend the seconds of the race again (docs/decisions/0008 and 0010).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from filelock import FileLock

from convwise import kernels
from convwise.data.catalogue import cache_folder
from convwise.data.cores import processor

Outcome = TypeVar("Outcome")

# Each lets libraries compute as if the processor were another.
_INSTRUCTIONS = ("ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "NUMBA_CPU_NAME")
# A few kilobytes are read and written under the lock: who waits longer waits for one that hangs.
PATIENCE = 2.0


class Outcomes(Generic[Outcome]):
    """Outcomes in a JSON file; where it cannot be read or written, races are run again.

    Several processes may keep outcomes in one file at once. What was kept first stands.

    Args:
        path: of the file.
        check: turns a JSON value into an outcome, or raises ValueError or TypeError.

    Attributes:
        known: what was raced → the outcome, which is plain JSON.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "races.json"
        >>> ours, theirs = Outcomes(path, str), Outcomes(path, str)
        >>> ours.keep("pool1", "kernel"), theirs.keep("pool1", "torch")
        ('kernel', 'kernel')
        >>> Outcomes(path, str).known
        {'pool1': 'kernel'}
    """

    def __init__(self, path: Path, check: Callable[[Any], Outcome]) -> None:
        self._path = path
        self._check = check
        self._patience = PATIENCE
        self.known = self._read()

    def keep(self, raced: str, outcome: Outcome) -> Outcome:
        """Keep an outcome, and return the one that stands: another process may have been first."""
        self.known[raced] = outcome
        # What is not written is raced again; no training fails for it.
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._alone():
                self.known |= self._read()
                self._write()
        return self.known[raced]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock on the file; go on without it where it cannot be had."""
        lock = FileLock(self._path.with_suffix(".lock"))
        try:
            lock.acquire(timeout=self._patience)
        except OSError:
            # Waited for once: the next outcome does not wait again.
            self._patience = 0.0
        try:
            yield
        finally:
            lock.release()

    def _read(self) -> dict[str, Outcome]:
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
            read = json.loads(self._path.read_text(encoding="utf-8"))
            return {str(raced): self._check(value) for raced, value in read.items()}
        return {}

    def _write(self) -> None:
        aside = self._path.with_name(f".{self._path.name}.{secrets.token_hex(4)}")
        try:
            aside.write_text(json.dumps(self.known, indent=1), encoding="utf-8")
            aside.replace(self._path)
        finally:
            aside.unlink(missing_ok=True)


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
