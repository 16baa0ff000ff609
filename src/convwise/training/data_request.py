"""Which data a training asked for, so that it can ask again."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convwise.data import load_data
from convwise.data.catalogue import CATALOGUE
from convwise.data.dataset import MAX_BAD, Dataset, Decoded
from convwise.data.pixel_cache import PixelCache
from convwise.errors import CheckpointError
from convwise.training.progress import Watcher

_PATHS = ("data_dir",)


@dataclass(frozen=True)
class DataRequest:
    """Arguments of ``load_data``, and how its pictures are read.

    Args:
        source: as asked.
        seed: of the splits.
        max_bad: the largest share of damaged picture files that is put up with.
        cache: take decoded pixels from the user's cache, and keep them there.
        options: those of ``load_data`` that were given.
    """

    source: str
    seed: int
    max_bad: float = MAX_BAD
    cache: bool = True
    options: dict[str, Any] = field(default_factory=dict)

    def find(self) -> Dataset:
        """Return the data set; nothing is decoded yet.

        Raises:
            DataError: there is none, or it cannot be read.
            OptionError: an option is out of range.
        """
        return load_data(self.source, seed=self.seed, **self.options)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; paths are absolute, for whoever goes on from elsewhere."""
        options = {name: value for name, value in self.options.items() if value is not None}
        for name in _PATHS:
            if name in options:
                options[name] = str(Path(options[name]).absolute())
        place = Path(self.source)
        # A name of the catalogue wins over a folder of that name, then as now.
        is_file = self.source not in CATALOGUE and place.exists()
        return {
            "source": self.source,
            "path": str(place.absolute()) if is_file else None,
            "max_bad": self.max_bad,
            "cache": self.cache,
            "options": options,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any], seed: int) -> DataRequest:
        """Return what :meth:`to_dict` made.

        Raises:
            KeyError, TypeError: a value is missing or of another kind.
        """
        options = dict(values["options"])
        for name in _PATHS:
            if name in options:
                options[name] = Path(options[name])
        source, path = values["source"], values["path"]
        if path is not None and not Path(source).exists():
            source = path
        return cls(source, seed, values["max_bad"], values["cache"], options)


def read(dataset: Dataset, watcher: Watcher, max_bad: float, cache: bool) -> Decoded:
    """Decode the pictures of a data set that can be learnt from.

    Raises:
        DataError: too few of them can be read.
    """
    kept = PixelCache.of_user(watcher.message) if cache else None
    decoded = dataset.decode(watcher.reading, cache=kept)
    decoded.require_learnable(max_bad)
    if decoded.moved:
        watcher.message(
            f"{len(decoded.moved)} held-out images have a copy elsewhere: moved to training"
        )
    return decoded


def require_same(decoded: Decoded, facts: dict[str, Any]) -> None:
    """Compare data with that of ``run.json``.

    Raises:
        CheckpointError: they are not the same images under the same names in the same splits.
    """
    if decoded.fingerprint == facts["fingerprint"]:
        return
    counts = {split: len(store) for split, store in decoded.stores.items()}
    if list(decoded.dataset.classes) != facts["classes"]:
        what = f"its classes were {', '.join(facts['classes'])}"
    elif counts != facts["counts"]:
        what = "; ".join(
            f"{counts[split]:,} {split} images instead of {number:,}"
            for split, number in facts["counts"].items()
            if counts[split] != number
        )
    else:
        what = "as many images as before, but other pixels or labels"
    raise CheckpointError(
        f"{decoded.dataset.source} has changed since the run began: {what}; bring back the data"
        " as it was, name it by --data, or train anew"
    )
