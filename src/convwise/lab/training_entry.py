"""One training or study of the queue, and what is known of how it ended."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, get_args

_ID = re.compile("[0-9a-f]{16}")

State = Literal["waiting", "running", "stopping", "ended"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """One training or study of the queue.

    Args:
        id: names it.
        arguments: behind ``convwise`` on its command line.
        folder: of the run or the study; it may not exist yet.
        state: ``stopping`` once it was told to stop, until its process has ended.
        code: the process's exit status; None where it is not known or nothing ran.
        pid: of the process, while it runs.
        message: the last thing to know about it, for people.
    """

    id: str
    arguments: tuple[str, ...]
    folder: Path
    state: State = "waiting"
    code: int | None = None
    pid: int | None = None
    message: str = ""

    @property
    def command(self) -> str:
        """The command line, as one types it."""
        return command_line(self.arguments)

    @property
    def is_study(self) -> bool:
        """Whether it is a study, and not a single training."""
        return self.arguments[:1] == ("study",)

    @property
    def is_active(self) -> bool:
        """Whether its process runs."""
        return self.state in ("running", "stopping")

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = dataclasses.asdict(self)
        return values | {"arguments": list(self.arguments), "folder": str(self.folder)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Entry:
        """Read what :meth:`to_dict` made.

        Raises:
            KeyError, TypeError, ValueError: something is missing or of another kind.
        """
        entry = cls(
            str(values["id"]),
            tuple(str(word) for word in values["arguments"]),
            Path(values["folder"]),
            values["state"],
            None if values["code"] is None else int(values["code"]),
            None if values["pid"] is None else int(values["pid"]),
            str(values["message"]),
        )
        if entry.state not in get_args(State):
            raise ValueError(entry.state)
        return entry


def command_line(arguments: Sequence[str]) -> str:
    """Return what one types for these arguments."""
    return "convwise " + shlex.join(arguments)


def positional(text: str) -> str:
    """Return a path that no command line takes for an option."""
    return f"./{text}" if text.startswith("-") else text


def shown_path(path: Path) -> str:
    """Return a path as one would type it here: relative where it lies below this folder."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def read_entries(path: Path, roots: Sequence[Path]) -> list[Entry]:
    """Return what the file holds, without what no lab can have written there.

    Args:
        path: the file.
        roots: the folders of runs and of studies, below which every entry has its own.
    """
    try:
        entries = [Entry.from_dict(values) for values in json.loads(path.read_text("utf-8"))]
    except (OSError, ValueError, KeyError, TypeError):
        # What ran lies in the folders of runs and studies all the same.
        return []
    return [entry for entry in entries if _ID.fullmatch(entry.id) and entry.folder.parent in roots]


def ending_of(entry: Entry, code: int | None, printed: str) -> str:
    """Return how a training or study ended, in words."""
    errors = [line for line in printed.splitlines() if line.startswith("convwise: ")]
    if code == 0 and entry.is_study:
        return "finished"
    if code in (0, None):
        return told_by_folder(entry)
    if code in (130, -signal.SIGINT, 143):
        return _stopped(entry)
    if errors:
        return errors[-1].removeprefix("convwise: ")
    return f"ended with exit status {code}; what it printed tells why"


def told_by_folder(entry: Entry) -> str:
    """Return how it ended where its process is no longer there to tell."""
    if entry.is_study:
        return "its process has gone; what is done is kept"
    try:
        status = json.loads((entry.folder / "run.json").read_text("utf-8"))["status"]
    except (OSError, ValueError, KeyError, TypeError):
        return "ended before its first step"
    if status == "running":
        return "its process has gone; the last checkpoint is kept"
    return "stopped; its checkpoint is kept" if status == "interrupted" else str(status)[:40]


def _stopped(entry: Entry) -> str:
    if entry.is_study:
        if (entry.folder / "study.json").exists():
            return "stopped; what is done is kept, and the same command goes on with it"
        return "stopped before its first training; nothing was to be kept"
    if (entry.folder / "run.json").exists():
        return "stopped; its checkpoint is kept"
    return "stopped before its first step; nothing was to be kept"
