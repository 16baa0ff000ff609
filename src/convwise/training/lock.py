"""One process at a time writes a run."""

from __future__ import annotations

import contextlib
import json
import os
import time
from pathlib import Path
from typing import Any

from convwise.errors import OptionError
from convwise.training.storage import storage_error

FILE_NAME = ".lock"
# Somebody who asks whether a run is being written holds its lock for less than this.
_LOOKING = 0.05


class RunLock:
    """Holds the lock file of a run folder while a process writes there.

    The system's own lock on the file decides, which ends with the process that holds it, however
    that ends; so a file that a killed process left is stale, and is taken over. The process's
    number in it is for people.

    Args:
        folder: of the run; it exists.

    Raises:
        OptionError: another process holds it.
        StorageError: the file cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE_NAME
        self._descriptor = self._locked()
        os.ftruncate(self._descriptor, 0)
        os.write(self._descriptor, json.dumps({"pid": os.getpid()}).encode())

    def _locked(self) -> int:
        while True:
            try:
                descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
            except OSError as error:
                raise storage_error(self._path, error, 0) from None
            try:
                _lock_soon(descriptor)
            except OSError:
                holder = _holder(descriptor)
                os.close(descriptor)
                raise OptionError(
                    f"{self._path.parent} is being written by {holder}; wait for it, or stop it"
                ) from None
            # Whoever held it may have removed the file between the two calls.
            with contextlib.suppress(FileNotFoundError):
                if os.fstat(descriptor).st_ino == self._path.stat().st_ino:
                    return descriptor
            os.close(descriptor)

    def release(self) -> None:
        """Let others write."""
        # Removed first: nobody else can hold a lock on the file that bears this name.
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def is_being_written(folder: Path) -> bool:
    """Return whether a process writes a run at this moment; False where it cannot be known."""
    try:
        descriptor = os.open(folder / FILE_NAME, os.O_RDONLY)
    except OSError:
        return False
    try:
        _lock(descriptor)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def _lock_soon(descriptor: int) -> None:
    try:
        _lock(descriptor)
    except OSError:
        time.sleep(_LOOKING)
        _lock(descriptor)


def _lock(descriptor: int) -> None:
    """Take the system's lock, or raise OSError."""
    try:
        import fcntl
    except ImportError:
        # Windows has none of this kind; there, two processes on one run are the user's affair.
        return
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _holder(descriptor: int) -> str:
    try:
        found: Any = json.loads(os.pread(descriptor, 200, 0))
        return f"process {int(found['pid'])}"
    except (OSError, ValueError, TypeError, KeyError):
        return "another process"
