"""The report of a run that has just ended."""

from __future__ import annotations

from pathlib import Path

from convwise.report import pictures_wanted, write_report
from convwise.training.run import Run, RunFolder


def report_run(run: Run) -> Path:
    """Write the report into the run's folder, with pictures of its mistakes, and seal it again.

    Raises:
        StorageError: the page could not be written.
    """
    wanted = set(pictures_wanted(run.folder))
    store = run.test_store
    pictures = {
        name: pixels for name, pixels in zip(store.ids, store.pixels, strict=True) if name in wanted
    }
    path = write_report(run.folder, pictures)
    RunFolder(run.folder).seal()
    return path
