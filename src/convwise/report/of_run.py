"""The report of a run that has just ended."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from convwise.report import pictures_wanted, write_report
from convwise.training.run import Run, RunFolder


def report_run(run: Run) -> Path:
    """Write the report into the run's folder, with pictures of its mistakes, and seal it again.

    Raises:
        StorageError: the page could not be written.
    """
    wanted = set(pictures_wanted(run.folder))
    store = run.test_store
    places = np.array([at for at, name in enumerate(store.ids) if name in wanted], np.int64)
    shown = store.select(places)
    pictures = dict(zip(shown.ids, shown.pixels, strict=True))
    path = write_report(run.folder, pictures)
    RunFolder(run.folder).seal()
    return path
