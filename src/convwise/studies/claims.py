"""Claims: who is at work on which cell, so that no cell is done twice.

A claim is a file that only one process can make. Its owner touches it every few seconds and takes
it away at the end. The claim of a process that has died, or has not touched it for a minute, is
taken over; a lock around that keeps two from taking over the same one.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

HEARTBEAT = 5.0
STALE_AFTER = 60.0


class Claims:
    """The claims of one process in a study's folder.

    Args:
        folder: for the claims; it must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: set[Path] = set()

    @contextlib.contextmanager
    def claimed(self, name: str) -> Iterator[bool]:
        """Try to claim a cell; yield whether it is ours while the block runs.

        Example:
            >>> import tempfile
            >>> claims, others = (Claims(Path(tempfile.mkdtemp())) for _ in range(2))
            >>> with claims.claimed("cell") as first, claims.claimed("cell") as second:
            ...     first, second
            (True, False)
        """
        path = self._folder / f"{name}.claim"
        if not (_made(path) or self._taken_over(path)):
            yield False
            return
        over = threading.Event()
        heart = threading.Thread(target=_beat, args=(path, over), daemon=True)
        heart.start()
        try:
            yield True
        finally:
            over.set()
            heart.join()
            path.unlink(missing_ok=True)

    def _taken_over(self, path: Path) -> bool:
        if not _is_stale(path):
            return False
        with (self._folder / "lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Someone may have been quicker.
            if not _is_stale(path):
                return False
            path.unlink(missing_ok=True)
            return _made(path)


def _made(path: Path) -> bool:
    try:
        number = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(number, "w") as file:
        json.dump(
            {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())}, file
        )
    return True


def _is_stale(path: Path) -> bool:
    try:
        silent = time.time() - path.stat().st_mtime
        owner = json.loads(path.read_text(encoding="utf-8"))
        same_host = owner["host"] == socket.gethostname()
        dead = same_host and _born(owner["pid"]) != owner["born"]
    except FileNotFoundError:
        return False
    except (OSError, ValueError, KeyError, TypeError):
        dead = False  # its owner may be about to write it
        silent = time.time() - path.stat().st_mtime if path.exists() else 0.0
    return dead or silent > STALE_AFTER


def _born(pid: int) -> str | None:
    """Return what tells a process from another of the same number, or None where it is dead."""
    try:
        stat = Path(f"/proc/{int(pid)}/stat").read_text(encoding="utf-8")
        state, *rest = stat.rpartition(")")[2].split()
        return None if state in "ZX" else rest[18]
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "alive"


def _beat(path: Path, over: threading.Event) -> None:
    while not over.wait(HEARTBEAT):
        with contextlib.suppress(OSError):
            os.utime(path)
