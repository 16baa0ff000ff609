"""The runs of a lab as they were listed last: only those that have changed are read again."""

from __future__ import annotations

import os
from pathlib import Path

from convwise.report.run_list import (
    HISTORY_FILE,
    RUN_FILE,
    ListedRun,
    Order,
    RunList,
    list_runs,
    listed_run,
)

FileState = tuple[int, int, int] | None


class KnownRuns:
    """Lists the runs in a folder, and remembers what it has read of each."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[tuple[FileState, ...], ListedRun]] = {}

    def listed(self, folder: Path, order: Order = "date") -> RunList:
        """Return what :func:`list_runs` does.

        Raises:
            DataError: there is no such folder, or it cannot be read.
        """
        before = self._known
        now: dict[Path, tuple[tuple[FileState, ...], ListedRun]] = {}

        def read(run: Path) -> ListedRun | None:
            # Looked at before the files are read: what changes meanwhile is read next time.
            states = tuple(_state(run / name) for name in (RUN_FILE, HISTORY_FILE))
            known = before.get(run)
            found = known[1] if known and known[0] == states else listed_run(run)
            if found is not None:
                now[run] = states, found
            return found

        found = list_runs(folder, order, read)
        # Runs that have gone are forgotten.
        self._known = now
        return found


def _state(path: Path) -> FileState:
    try:
        facts = os.stat(path)  # noqa: PTH116 - asked for each run at each request
    except OSError:
        return None
    return facts.st_ino, facts.st_size, facts.st_mtime_ns
