"""Trainings and studies one after the other, each a process with a command line that is shown.

The queue is kept in a file below the folder of runs, so that a lab that is started again finds
what ran. A training outlives a lab that is killed; the next lab takes it up again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from convwise.errors import OptionError, StorageError
from convwise.lab.places import UnknownIdError
from convwise.lab.training_entry import (
    Entry,
    ending_of,
    read_entries,
    shown_path,
    told_by_folder,
)
from convwise.lab.training_process import PROGRAM, interrupt, is_running, start, wait_for
from convwise.training.lock import RunLock
from convwise.training.storage import json_bytes, storage_error, write_atomically

FOLDER = ".lab"
FILE = "queue.json"

MOST_WAITING = 50
MOST_ENDED = 50
LAST_WORDS = 4_000
# A training keeps its checkpoint at once, and then scores what was learnt.
SECONDS_TO_END = 60.0


class TrainingQueue:
    """Runs one training or study at a time.

    Args:
        runs: the folder of runs; it may not exist yet.
        program: how convwise is called; replaced in tests.
        studies: the folder of studies, if any is to be started; it may not exist yet.
    """

    def __init__(
        self, runs: Path, program: Sequence[str] = PROGRAM, studies: Path | None = None
    ) -> None:
        self._runs, self._program = runs, tuple(program)
        self._roots = (runs,) if studies is None else (runs, studies)
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
            found, self._entries = read_entries(self._folder / FILE, self._roots), []
            for entry in found:
                self._entries.append(self._found(entry))
            self._save()

    def _found(self, entry: Entry) -> Entry:
        if entry.is_active and entry.pid is not None and is_running(entry.pid, entry.arguments):
            self._attend(entry.id, wait_for(entry.pid, entry.arguments))
            return entry
        if entry.is_active:
            return dataclasses.replace(
                entry, state="ended", pid=None, message=told_by_folder(entry)
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
                return tuple(read_entries(self._folder / FILE, self._roots) or self._entries)
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

    def add(
        self, stem: str, arguments: Callable[[Path], Sequence[str]], root: Path | None = None
    ) -> Entry:
        """Queue a training or study; it begins at once if none runs.

        Args:
            stem: of its folder's name; a number is added.
            arguments: returns what stands behind ``convwise``, given its folder.
            root: where that folder is made: the folder of runs, unless given.

        Raises:
            OptionError: another lab trains in this folder, or too many wait.
            StorageError: the queue could not be written.
        """
        with self._changed:
            self._own()
            folder = self.next_folder(stem, root)
            return self._queue(Entry(secrets.token_hex(8), tuple(arguments(folder)), folder))

    def resume(self, run: Path) -> Entry:
        """Queue the continuation of a run that was interrupted.

        Raises:
            OptionError: it is in the queue already, or as for :meth:`add`.
        """
        with self._changed:
            self._own()
            self._require_ended(run)
            return self._queue(Entry(secrets.token_hex(8), ("resume", shown_path(run)), run))

    def go_on(self, study: Path) -> Entry:
        """Queue a study that was stopped: its command once more, which goes on with what is done.

        Raises:
            OptionError: it is in the queue, or no lab began it; or as for :meth:`add`.
        """
        with self._changed:
            self._own()
            self._require_ended(study)
            for entry in reversed(self._entries):
                if entry.folder == study and entry.is_study:
                    return self._queue(Entry(secrets.token_hex(8), entry.arguments, study))
            raise OptionError(
                f"{study.name} was not begun here; the command that began it goes on with it"
            )

    def _require_ended(self, folder: Path) -> None:
        if any(each.folder == folder and each.state != "ended" for each in self._entries):
            raise OptionError(f"{folder.name} is in the queue already")

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
                interrupt(entry.pid)
                kept = (
                    "what is done is kept" if entry.is_study else "what was learnt is being scored"
                )
                words = f"stopping: {kept}"
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

    def next_folder(self, stem: str, root: Path | None = None) -> Path:
        """Return the folder that :meth:`add` would give; nothing is reserved."""
        promised = {entry.folder for entry in self.entries()}
        number = 1
        while (made := (root or self._runs) / f"{stem}-{number}") in promised or made.exists():
            number += 1
        return made

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
        process = start(self._program, entry.arguments, self._log(entry.id))
        self._attend(entry.id, process.wait)
        self._replace(entry, state="running", pid=process.pid)

    def _attend(self, which: str, wait: Callable[[], int | None]) -> None:
        def attend() -> None:
            code = wait()
            with self._changed:
                if self._held is None:
                    # The lab has ended; the next one finds out from the folder.
                    return
                entry = self.entry(which)
                words = ending_of(entry, code, self.last_words(which))
                # Where the disk is full, the queue goes on all the same.
                with contextlib.suppress(StorageError):
                    self._replace(entry, state="ended", code=code, pid=None, message=words)
                self._start_next()

        threading.Thread(target=attend, name=f"training {which}", daemon=True).start()
