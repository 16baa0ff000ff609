"""The report of a run that has just ended, or of one whose data can still be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from convwise.data.store import PixelStore
from convwise.errors import DataError
from convwise.model.modelfile import load_model
from convwise.model.trained import TrainedModel
from convwise.report import pictures_wanted, write_report
from convwise.report.class_maps import class_maps
from convwise.report.mistakes import SHOWN, surest_mistakes
from convwise.report.run_folder import read_predictions, read_run
from convwise.training.data_request import DataRequest, read, require_same
from convwise.training.progress import Watcher
from convwise.training.run import Run, RunFolder


def report_run(run: Run) -> Path:
    """Write the report into the run's folder, with pictures of its answers, and seal it again.

    Raises:
        StorageError: the page could not be written.
    """
    return _report(run.folder, run.model, run.test_store)


def report_folder(folder: Path) -> Path:
    """Write the report of a finished run anew, from its folder and the data that it asked for.

    Args:
        folder: of the run.

    Raises:
        DataError: the folder holds no finished run, or its data cannot be read.
        CheckpointError: the data has changed since.
        ModelFileError: the model file is missing or damaged.
        StorageError: the page could not be written.
    """
    facts = dict(read_run(folder).run)
    model = load_model(folder)
    try:
        data: dict[str, Any] = dict(facts["data"])  # type: ignore[call-overload]
        request = DataRequest.from_dict(data["asked"], int(str(facts["seed"])))
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{folder}: run.json does not tell how its data was read ({error!r}); a report with"
            " pictures can be written for a run whose data convwise read itself"
        ) from None
    dataset = request.find()
    if facts.get("start") is not None:
        # The pictures were brought to the format of the weights.
        dataset = dataclasses.replace(dataset, format=model.image_format)
    decoded = read(dataset, Watcher(), request.max_bad, request.cache)
    require_same(decoded, data)
    return _report(folder, model, decoded.stores["test"])


def _report(folder: Path, model: TrainedModel, store: PixelStore) -> Path:
    pictures = _pictures(store, set(pictures_wanted(folder)))
    mistakes = surest_mistakes(read_predictions(folder / "predictions.csv") or ())[:SHOWN]
    path = write_report(folder, pictures, class_maps(model, mistakes, pictures))
    RunFolder(folder).seal()
    return path


def _pictures(store: PixelStore, wanted: set[str]) -> Mapping[str, npt.NDArray[np.uint8]]:
    places = np.array([at for at, name in enumerate(store.ids) if name in wanted], np.int64)
    chosen = store.select(places)
    return dict(zip(chosen.ids, chosen.pixels, strict=True))
