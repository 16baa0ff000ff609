"""The process of a training or study: start it, know it again, tell it to stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PROGRAM = (sys.executable, "-m", "convwise")
_POLL = 0.3


def start(program: Sequence[str], arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start a process.

    Args:
        program: how convwise is called.
        arguments: behind it.
        log: the file that what it prints is added to.
    """
    with log.open("ab") as file:
        return subprocess.Popen(
            [*program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the lab's terminal is for the lab, which passes it on once.
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100"},
        )


def interrupt(pid: int) -> None:
    """Tell a process to stop, as Ctrl-C does."""
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return


def is_running(pid: int, arguments: Sequence[str]) -> bool:
    """Return whether a process is that very one, and not another that has its number now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return False
    wanted = [os.fsencode(word) for word in arguments]
    return len(words) > len(wanted) and words[-len(wanted) :] == wanted


def wait_for(pid: int, arguments: Sequence[str]) -> Callable[[], int | None]:
    """Return what waits for a process that another lab started; its exit status stays unknown."""

    def wait() -> None:
        while is_running(pid, arguments):
            time.sleep(_POLL)

    return wait
