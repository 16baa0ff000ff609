"""The folders that a lab was given, and the ids by which its pages name what lies in them.

A page never sends a path: it sends back an id that it was handed. Ids are keyed digests, so that
nobody can make one up, and they last as long as the lab does.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from convwise.errors import OptionError

_ID_BYTES = 12


class UnknownIdError(OptionError):
    """An id that this lab has not handed out, or whose folder has gone."""


@dataclass
class Places:
    """What a lab may read.

    Args:
        runs: the folder of runs, or one run; it may not exist yet.
        data: folders of images, or archives, tables and array files of them.
        studies: the folder of studies, or one study; it may not exist yet.
    """

    runs: Path
    data: tuple[Path, ...] = ()
    studies: Path = Path("studies")
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _known: dict[str, Path] = field(default_factory=dict, repr=False)

    def run_folders(self, sign: str = "run.json") -> list[tuple[str, Path]]:
        """Return (id, folder) of each folder below ``runs``, or of ``runs`` where it is a run.

        Args:
            sign: a file that tells that ``runs`` is itself what its subfolders are otherwise.
        """
        return [(self.hand_out(path), path) for path in _folders(self.runs, sign)]

    def study_folders(self) -> list[tuple[str, Path]]:
        """Return (id, folder) of each folder below ``studies``, or of ``studies`` itself."""
        return [(self.hand_out(path), path) for path in _folders(self.studies, "study.json")]

    def data_sources(self) -> list[tuple[str, Path]]:
        """Return (id, path) of the data that the lab was given."""
        return [(self.hand_out(path), path) for path in self.data]

    def hand_out(self, path: Path) -> str:
        """Return the id of a path, which from now on may be asked for."""
        digest = hashlib.blake2b(os.fsencode(path), key=self._key, digest_size=_ID_BYTES).digest()
        handed = base64.urlsafe_b64encode(digest).decode()
        self._known[handed] = path
        return handed

    def path(self, handed: str, among: Sequence[Path] = ()) -> Path:
        """Return what an id stands for.

        Args:
            handed: an id that came from here.
            among: if given, the path must be one of these or lie in one of them.

        Raises:
            UnknownIdError: the id was not handed out, or nothing stands there any more.
        """
        path = self._known.get(handed)
        if path is None or not path.exists() or (among and not _lies_in(path, among)):
            raise UnknownIdError(
                "the lab does not know this any more; open the page anew to see what there is"
            )
        return path

    def run(self, handed: str) -> Path:
        """Return the folder of a run.

        Raises:
            UnknownIdError: the id was not handed out, or the folder has gone.
        """
        return self.path(handed, (self.runs,))

    def study(self, handed: str) -> Path:
        """Return the folder of a study.

        Raises:
            UnknownIdError: the id was not handed out, or the folder has gone.
        """
        return self.path(handed, (self.studies,))

    def data_source(self, handed: str) -> Path:
        """Return the data that an id stands for.

        Raises:
            UnknownIdError: the id was not handed out, or the data has gone.
        """
        return self.path(handed, self.data)


def _lies_in(path: Path, roots: Sequence[Path]) -> bool:
    real = path.resolve()
    return any(real.is_relative_to(root.resolve()) for root in roots)


def _folders(root: Path, sign: str) -> list[Path]:
    """Return the folders in a folder, without those that lead out of it."""
    if (root / sign).is_file():
        return [root]
    try:
        with os.scandir(root) as entries:
            names = [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False)
            ]
    except OSError:
        return []
    return [root / name for name in sorted(names)]
