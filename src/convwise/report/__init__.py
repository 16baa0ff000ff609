"""Reports: a run's folder becomes one self-contained HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convwise.report.cell_images import by_cell, wanted
from convwise.report.class_maps import ClassMaps
from convwise.report.mistakes import SHOWN, surest_mistakes
from convwise.report.page_writer import render
from convwise.report.run_folder import read_run
from convwise.report.run_page import class_names, run_page
from convwise.report.scores import read_scores
from convwise.training.storage import write_atomically

__all__ = ["pictures_wanted", "write_report"]

_NO_PICTURES: Mapping[str, npt.NDArray[np.uint8]] = {}


def write_report(
    folder: Path,
    pictures: Mapping[str, npt.NDArray[np.uint8]] | None = None,
    maps: Mapping[str, ClassMaps] | None = None,
) -> Path:
    """Write ``report.html`` into a run's folder and return its path.

    The page holds all that it shows and makes no request. An earlier report is replaced whole.

    Args:
        folder: a run's folder; only run.json must be in it.
        pictures: uint8 (height, width, channels) with 1 or 3 channels, per id of
            predictions.csv; :func:`pictures_wanted` tells which of them are shown.
        maps: class maps of the surest mistakes, per id, of their pictures' size.

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
    page = run_page(read_run(folder), _NO_PICTURES if pictures is None else pictures, maps)
    text = render(
        "run.html.j2",
        styles=("style.css", "layers.css", "run.css"),
        script=("page.js", "design.js"),
        page=page,
    )
    path = folder / "report.html"
    # Names of files may hold bytes that are no UTF-8; a page must be.
    write_atomically(path, text.encode("utf-8", errors="replace"))
    return path


def pictures_wanted(folder: Path) -> list[str]:
    """Return the ids of the images that the report shows: the surest mistakes come first.

    Args:
        folder: a run's folder.

    Raises:
        DataError: a file of the run is missing or damaged.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "run.json").write_text("{}")
        >>> pictures_wanted(folder)
        []
    """
    files = read_run(folder)
    predictions = files.predictions or ()
    names = class_names(files, read_scores(files.metrics))
    surest = [mistake.id for mistake in surest_mistakes(predictions)[:SHOWN]]
    behind = [name for _, name in wanted(by_cell(predictions, names), len(names))]
    return list(dict.fromkeys(surest + behind))
