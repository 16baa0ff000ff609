"""Trainings one after the other: each a process of its own with a command line that is shown.

The queue is kept in a file below the folder of runs, so that a lab that is started again finds
what ran. A training outlives a lab that is killed; the next lab takes it up again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from convwise.errors import OptionError, StorageError
from convwise.lab.places import UnknownIdError
from convwise.training.lock import RunLock
from convwise.training.storage import json_bytes, storage_error, write_atomically

FOLDER = ".lab"
FILE = "queue.json"
PROGRAM = (sys.executable, "-m", "convwise")

MOST_WAITING = 50
MOST_ENDED = 50
LAST_WORDS = 4_000
# A training keeps its checkpoint at once, and then scores what was learnt.
SECONDS_TO_END = 60.0
_POLL = 0.3
_ID = re.compile("[0-9a-f]{16}")

State = Literal["waiting", "running", "stopping", "ended"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One training of the queue.

    Args:
        id: names it.
        arguments: behind ``convwise`` on its command line.
        run: its folder; it may not exist yet.
        state: ``stopping`` once it was told to stop, until its process has ended.
        code: the process's exit status; None where it is not known or nothing ran.
        pid: of the process, while it runs.
        message: the last thing to know about it, for people.
    """

    id: str
    arguments: tuple[str, ...]
    run: Path
    state: State = "waiting"
    code: int | None = None
    pid: int | None = None
    message: str = ""

    @property
    def command(self) -> str:
        """The command line, as one types it."""
        return "convwise " + shlex.join(self.arguments)

    @property
    def is_active(self) -> bool:
        """Whether its process runs."""
        return self.state in ("running", "stopping")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = dataclasses.asdict(self)
        return values | {"arguments": list(self.arguments), "run": str(self.run)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Entry:
        """Read what :meth:`to_dict` made.

        Raises:
            KeyError, TypeError, ValueError: something is missing or of another kind.
        """
        entry = cls(
            str(values["id"]),
            tuple(str(word) for word in values["arguments"]),
            Path(values["run"]),
            values["state"],
            None if values["code"] is None else int(values["code"]),
            None if values["pid"] is None else int(values["pid"]),
            str(values["message"]),
        )
        if entry.state not in get_args(State):
            raise ValueError(entry.state)
        return entry


class TrainingQueue:
    """Runs one training at a time below a folder of runs.

    Args:
        runs: the folder of runs; it may not exist yet.
        program: how convwise is called; replaced in tests.
    """

    def __init__(self, runs: Path, program: Sequence[str] = PROGRAM) -> None:
        self._runs, self._program = runs, tuple(program)
        self._folder = runs / FOLDER
        self._entries: list[Entry] = []
        self._changed = threading.Condition(threading.RLock())
        self._held: RunLock | None = None
        self._closing = False

    def open(self) -> None:
        """Find what an earlier lab left; a training that still runs is taken up."""
        with self._changed:
            if not self._folder.is_dir():
                return
            try:
                self._own()
            except (OptionError, StorageError):
                # Another lab trains here, or nobody may: what was done is shown, see entries().
                return
            found, self._entries = _read(self._folder / FILE), []
            for entry in found:
                self._entries.append(self._found(entry))
            self._save()

    def _found(self, entry: Entry) -> Entry:
        if entry.is_active and entry.pid is not None and _runs(entry.pid, entry.arguments):
            self._attend(entry.id, _ended_elsewhere(entry.pid, entry.arguments))
            return entry
        if entry.is_active:
            return dataclasses.replace(
                entry, state="ended", pid=None, message=_told_by_run(entry.run)
            )
        if entry.state == "waiting":
            return dataclasses.replace(
                entry, state="ended", message="the lab ended before its turn came"
            )
        return entry

    def close(self, seconds: float = SECONDS_TO_END) -> None:
        """Stop the training, which keeps its checkpoint, and wait for it.

        Args:
            seconds: to wait at most; a process that takes longer ends by itself.
        """
        with self._changed:
            self._closing = True
            for entry in self._entries:
                if entry.state == "running":
                    self.stop(entry.id)
            self._changed.wait_for(
                lambda: not any(entry.is_active for entry in self._entries), seconds
            )
            if self._held is not None:
                self._save()
                self._held.release()
                self._held = None

    def entries(self) -> tuple[Entry, ...]:
        """Return all trainings, the oldest first; those of another lab where that one trains."""
        with self._changed:
            if self._held is None:
                return tuple(_read(self._folder / FILE) or self._entries)
            return tuple(self._entries)

    def entry(self, which: str) -> Entry:
        """Return one training.

        Raises:
            UnknownIdError: there is none of this id.
        """
        for entry in self.entries():
            if entry.id == which:
                return entry
        raise UnknownIdError("there is no such training; open the page anew to see what there is")

    def add(self, stem: str, arguments: Callable[[Path], Sequence[str]]) -> Entry:
        """Queue a training; it begins at once if none runs.

        Args:
            stem: of the run's name; a number is added.
            arguments: returns what stands behind ``convwise``, given the folder of the run.

        Raises:
            OptionError: another lab trains in this folder, or too many wait.
            StorageError: the queue could not be written.
        """
        with self._changed:
            self._own()
            run = self._free(stem)
            return self._queue(Entry(secrets.token_hex(8), tuple(arguments(run)), run))

    def resume(self, run: Path) -> Entry:
        """Queue the continuation of a run that was interrupted.

        Raises:
            OptionError: it is in the queue already, or as for :meth:`add`.
        """
        with self._changed:
            self._own()
            for entry in self._entries:
                if entry.run == run and entry.state != "ended":
                    raise OptionError(f"{run.name} is in the queue already")
            return self._queue(Entry(secrets.token_hex(8), ("resume", shown_path(run)), run))

    def stop(self, which: str) -> Entry:
        """Take a waiting training out of the queue, or tell a running one to stop.

        A running one keeps its checkpoint and scores what was learnt. Told once more, it ends at
        once; the checkpoint is kept all the same.

        Raises:
            OptionError: another lab runs it.
            UnknownIdError: there is none of this id.
        """
        with self._changed:
            self._own()
            entry = self.entry(which)
            if entry.state == "waiting":
                return self._replace(entry, state="ended", message="taken out of the queue")
            if entry.is_active and entry.pid is not None:
                _interrupt(entry.pid)
                words = "stopping: what was learnt is being scored"
                return self._replace(entry, state="stopping", message=words)
            return entry

    def last_words(self, which: str) -> str:
        """Return the end of what a training printed."""
        try:
            content = self._log(self.entry(which).id).read_bytes()
        except OSError:
            return ""
        return content[-LAST_WORDS:].decode("utf-8", "replace")

    def _own(self) -> None:
        """Make sure that no other lab trains here.

        Raises:
            OptionError: one does.
        """
        if self._held is not None:
            return
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(self._folder, error, 0) from None
        try:
            self._held = RunLock(self._folder)
        except OptionError:
            raise OptionError(
                f"another lab trains in {self._runs}; use that one, or end it"
            ) from None

    def _free(self, stem: str) -> Path:
        promised = {entry.run for entry in self._entries}
        number = 1
        while (run := self._runs / f"{stem}-{number}") in promised or run.exists():
            number += 1
        return run

    def _queue(self, entry: Entry) -> Entry:
        if sum(each.state == "waiting" for each in self._entries) >= MOST_WAITING:
            raise OptionError(f"{MOST_WAITING} trainings wait already; let some of them end")
        self._entries.append(entry)
        self._start_next()
        self._save()
        return self.entry(entry.id)

    def _replace(self, entry: Entry, **changes: Any) -> Entry:
        changed = dataclasses.replace(entry, **changes)
        self._entries[[each.id for each in self._entries].index(entry.id)] = changed
        self._save()
        return changed

    def _save(self) -> None:
        ended = [entry for entry in self._entries if entry.state == "ended"]
        for entry in ended[:-MOST_ENDED]:
            self._entries.remove(entry)
            self._log(entry.id).unlink(missing_ok=True)
        self._changed.notify_all()
        content = json_bytes([entry.to_dict() for entry in self._entries])
        write_atomically(self._folder / FILE, content)

    def _log(self, which: str) -> Path:
        return self._folder / f"{which}.log"

    def _start_next(self) -> None:
        waiting = [entry for entry in self._entries if entry.state == "waiting"]
        if self._closing or not waiting or any(entry.is_active for entry in self._entries):
            return
        entry = waiting[0]
        with self._log(entry.id).open("ab") as log:
            process = subprocess.Popen(
                [*self._program, *entry.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the lab's terminal is for the lab, which passes it on once.
                start_new_session=True,
                env=os.environ | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100"},
            )
        self._attend(entry.id, process.wait)
        self._replace(entry, state="running", pid=process.pid)

    def _attend(self, which: str, wait: Callable[[], int | None]) -> None:
        def attend() -> None:
            code = wait()
            with self._changed:
                if self._held is None:
                    # The lab has ended; the next one finds out from the run.
                    return
                entry = self.entry(which)
                words = _ending(code, entry.run, self.last_words(which))
                # Where the disk is full, the queue goes on all the same.
                with contextlib.suppress(StorageError):
                    self._replace(entry, state="ended", code=code, pid=None, message=words)
                self._start_next()

        threading.Thread(target=attend, name=f"training {which}", daemon=True).start()


def shown_path(path: Path) -> str:
    """Return a path as one would type it here: relative where it lies below this folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _read(path: Path) -> list[Entry]:
    """Return what the file holds, without what no lab can have written there."""
    try:
        entries = [Entry.from_dict(values) for values in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        # What ran lies in the folders of runs all the same.
        return []
    runs = path.parents[1]
    return [entry for entry in entries if _ID.fullmatch(entry.id) and entry.run.parent == runs]


def _interrupt(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return


def _runs(pid: int, arguments: Sequence[str]) -> bool:
    """Return whether a process is that very training, and not one that has its number now."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return False
    wanted = [os.fsencode(word) for word in arguments]
    return len(words) > len(wanted) and words[-len(wanted) :] == wanted


def _ended_elsewhere(pid: int, arguments: Sequence[str]) -> Callable[[], int | None]:
    """Return what waits for a process that another lab started; its exit status stays unknown."""

    def wait() -> None:
        while _runs(pid, arguments):
            time.sleep(_POLL)

    return wait


def _ending(code: int | None, run: Path, printed: str) -> str:
    """Return how a training ended, in words."""
    errors = [line for line in printed.splitlines() if line.startswith("convwise: ")]
    if code in (0, None):
        return _told_by_run(run)
    if code in (130, -signal.SIGINT, 143):
        if (run / "run.json").exists():
            return "stopped; its checkpoint is kept"
        return "stopped before its first step; nothing was to be kept"
    if errors:
        return errors[-1].removeprefix("convwise: ")
    return f"ended with exit status {code}; what it printed tells why"


def _told_by_run(run: Path) -> str:
    try:
        status = json.loads((run / "run.json").read_text("utf-8"))["status"]
    except (OSError, ValueError, KeyError, TypeError):
        return "ended before its first step"
    if status == "running":
        return "its process has gone; the last checkpoint is kept"
    return "stopped; its checkpoint is kept" if status == "interrupted" else str(status)[:40]
