"""The folder of a study: what was asked, and a file for each cell.

study.json     what was asked and resolved: data, scale, questions, seeds, margin, machine
cells/         one JSON file for each question, arm and seed, whole or not there
models/        the trained networks, where they are kept
claims/        who is at work on which cell; empty when nobody is
study.html     the page
.settling      locked by whoever is about to write study.json for the first time
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.errors import DataError, OptionError
from convwise.studies.cell import Cell, read_cell, write_cell
from convwise.studies.material import Material
from convwise.studies.trial import Scale, Trial
from convwise.training.storage import json_bytes, storage_error, write_atomically

STUDIES = Path("studies")


@dataclass(frozen=True)
class StudyFolder:
    """Reads and writes the files of a study.

    Args:
        path: the folder.
    """

    path: Path

    @classmethod
    def opened(cls, path: Path) -> StudyFolder:
        """Return the folder; it is made where it does not exist.

        Raises:
            OptionError: something else stands there.
            StorageError: it cannot be made.
        """
        strange = path.exists() and (not path.is_dir() or any(path.iterdir()))
        if strange and not (path / "study.json").exists() and not (path / "cells").is_dir():
            raise OptionError(f"{path} holds something that is no study; give another --out")
        try:
            for name in ("cells", "claims"):
                (path / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise storage_error(path, error, 0) from None
        return cls(path)

    @property
    def claims(self) -> Path:
        """The folder of the claims."""
        return self.path / "claims"

    @contextlib.contextmanager
    def settling(self, tell: Callable[[str], None]) -> Iterator[None]:
        """Let one process at a time find out what the study will be.

        Two that measure at once would slow each other, and come to two different studies.

        Args:
            tell: takes a message, where another process is at it.
        """
        with (self.path / ".settling").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                tell("waiting for another process that settles what this study will be")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def facts(self) -> dict[str, Any]:
        """Return what study.json holds; nothing where there is none.

        Raises:
            DataError: it is damaged.
        """
        path = self.path / "study.json"
        try:
            values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            Scale(**values["scale"])
            return values
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{path} cannot be read ({error}); remove it, and the cells will be kept if they"
                " fit what you ask next"
            ) from None

    def write_facts(self, facts: dict[str, Any]) -> None:
        """Write study.json."""
        write_atomically(self.path / "study.json", json_bytes(facts))

    def cell(self, trial: Trial, material: Material) -> Cell | None:
        """Return the cell of a trial, or None where it is still to be done."""
        if trial.keep_model and not self._model(trial).exists():
            return None
        cell = read_cell(self.path / "cells" / f"{trial.name}.json")
        return cell if cell is not None and cell.digest == trial.digest(material) else None

    def keep(self, trial: Trial, cell: Cell) -> None:
        """Write the cell of a trial, and its network first where that is kept."""
        if cell.model is not None:
            self._model(trial).parent.mkdir(exist_ok=True)
            write_atomically(self._model(trial), cell.model)
        write_cell(self.path / "cells" / f"{trial.name}.json", cell)

    def _model(self, trial: Trial) -> Path:
        return self.path / "models" / f"{trial.name}.safetensors"


def require_same(folder: StudyFolder, asked: dict[str, Any], fingerprint: str) -> None:
    """Check that a study that was begun before is the one that is asked for.

    Args:
        folder: of the study.
        asked: images and epochs that are asked for; None where they are left open.
        fingerprint: of the data.

    Raises:
        OptionError: the study that was begun has other data, or another scale than is asked for.
    """
    facts = folder.facts()
    if not facts:
        return
    if facts["data"]["fingerprint"] != fingerprint:
        raise OptionError(
            f"{folder.path} holds a study of other images ({facts['data']['source']});"
            " give another --out"
        )
    for name, value in asked.items():
        known = facts["scale"][name]
        if value is not None and value != known:
            raise OptionError(
                f"{folder.path} holds a study with {name} = {known}, not {value};"
                f" leave --{name} out to go on with it, or give another --out"
            )
