"""Trained networks that the lab can ask: which there are, and those that were asked last."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convwise.errors import ConvwiseError
from convwise.image import ImageFormat
from convwise.lab.places import Places
from convwise.report.fields import Json, mapping, number, text

if TYPE_CHECKING:
    from convwise.evaluation.predict import Predictor
    from convwise.model.trained import TrainedModel

# Networks of ImageNet's size take a hundred megabytes each.
KEPT = 6
MOST_LISTED = 1_000
MODELS = "models"


@dataclass(frozen=True)
class Listed:
    """A model that can be chosen.

    Args:
        id: by which a page asks for it.
        name: of its run, or of its arm and seed in a study.
        group: where it comes from: ``Runs``, or the study.
        network: its network's name.
        image: (height, width, channels) that it reads.
        classes: their names.
        accuracy: on the test images of its training, or None.
    """

    id: str
    name: str
    group: str
    network: str
    image: tuple[int, int, int]
    classes: tuple[str, ...]
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Loaded:
    """A model ready to be asked."""

    model: TrainedModel
    predictor: Predictor


def listed_models(places: Places) -> list[Listed]:
    """Return the models of all runs and studies; what cannot be read is left out."""
    found = []
    for handed, path, name, group in _model_files(places):
        listed = _listed(handed, path, name, group)
        if listed is not None:
            found.append(listed)
        if len(found) == MOST_LISTED:
            break
    return found


def _model_files(places: Places) -> Iterator[tuple[str, Path, str, str]]:
    """Yield (id, run folder or model file, name, group)."""
    for _, folder in places.study_folders():
        for path in sorted((folder / MODELS).glob("*.safetensors")):
            if path.is_symlink():
                continue
            question, _, rest = path.stem.partition("--")
            arm, _, seed = rest.rpartition("--")
            name = f"{arm}, seed {seed}" if arm else path.stem
            yield places.hand_out(path), path, name, f"{question}, study {folder.name}"
    for handed, folder in places.run_folders():
        yield handed, folder, folder.name, "Runs"


def _listed(handed: str, path: Path, name: str, group: str) -> Listed | None:
    from convwise.model.modelfile import model_facts

    try:
        facts = model_facts(path)
        image = ImageFormat.from_dict(facts["image_format"])
    except (ConvwiseError, KeyError, TypeError, ValueError):
        return None
    return Listed(
        id=handed,
        name=name,
        group=group,
        network=text(facts, "name") or "network",
        image=image.shape,
        classes=tuple(str(each) for each in facts.get("classes") or ()),
        accuracy=number(mapping(facts, "measured"), "test_accuracy"),
    )


class Models:
    """Loads models, and keeps those that were asked last.

    A file that has been written anew is loaded anew.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[Path, int, int], Loaded] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, path: Path) -> Loaded:
        """Return the model of a run folder or a model file.

        Raises:
            ModelFileError: it cannot be read.
        """
        from convwise.evaluation.predict import Predictor
        from convwise.model.modelfile import FILE_NAME, load_model

        file = path / FILE_NAME if path.is_dir() else path
        try:
            facts = file.stat()
        except OSError:
            # load_model says what is missing.
            load_model(path)
            raise
        key = (file, facts.st_mtime_ns, facts.st_size)
        with self._lock:
            found = self._kept.get(key)
            if found is None:
                model = load_model(file)
                found = self._kept[key] = Loaded(model, Predictor(model))
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return found


def source_of(path: Path) -> str | None:
    """Return how the data was named that a model was trained on; None where nothing tells.

    Args:
        path: a run folder, or a model file of a study.
    """
    told = path / "run.json" if path.is_dir() else path.parents[1] / "study.json"
    try:
        facts: Any = json.loads(told.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    data: Json = mapping(facts, "data") if isinstance(facts, dict) else {}
    return text(mapping(data, "asked"), "path") or text(data, "source")
