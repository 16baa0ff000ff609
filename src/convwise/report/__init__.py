"""Reports: a run's folder becomes one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convwise.report.mistakes import SHOWN, surest_mistakes
from convwise.report.page_writer import render
from convwise.report.run_folder import read_predictions, read_run
from convwise.report.run_page import run_page
from convwise.training.storage import write_atomically

__all__ = ["pictures_wanted", "write_report"]

_NO_PICTURES: Mapping[str, npt.NDArray[np.uint8]] = {}


def write_report(folder: Path, pictures: Mapping[str, npt.NDArray[np.uint8]] | None = None) -> Path:
    """Write ``report.html`` into a run's folder and return its path.

    The page holds all that it shows and makes no request. An earlier report is replaced whole.

    Args:
        folder: a run's folder; only run.json must be in it.
        pictures: uint8 (height, width, channels) with 1 or 3 channels, per id of
            predictions.csv; :func:`pictures_wanted` tells which of them are shown.

    Raises:
        DataError: a file of the run is missing or damaged, or a picture is of another kind.
        StorageError: the page could not be written.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "run.json").write_text("{}")
        >>> write_report(folder).name
        'report.html'
    """
    files = read_run(folder)
    page = run_page(files, _NO_PICTURES if pictures is None else pictures)
    path = folder / "report.html"
    # Names of files may hold bytes that are no UTF-8; a page must be.
    write_atomically(path, render("run.html.j2", page=page).encode("utf-8", errors="replace"))
    return path


def pictures_wanted(folder: Path, limit: int = SHOWN) -> list[str]:
    """Return the ids of the most confident mistakes, the surest first.

    Args:
        folder: a run's folder.
        limit: most ids; the report shows the first 24.

    Raises:
        DataError: predictions.csv is damaged.

    Example:
        >>> pictures_wanted(Path("a folder without predictions"))
        []
    """
    predictions = read_predictions(folder / "predictions.csv") or ()
    return [mistake.id for mistake in surest_mistakes(predictions)[:limit]]
