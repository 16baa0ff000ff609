"""Whether a file is what it was: checksums of a run folder, and the promises of a model file."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.errors import ConvwiseError, DataError, OptionError
from convwise.model.modelfile import FILE_NAME, load_model
from convwise.ship.keras_import import import_keras
from convwise.ship.onnx_check import check_onnx

SUMS = "SHA256SUMS"
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")
_MOST_BYTES = 64_000_000
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Finding:
    """What was found about one file.

    Args:
        path: as it is called in the folder, or as it was given.
        problem: what is wrong; None where nothing is.
    """

    path: str
    problem: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"path": self.path, "problem": self.problem}


def verify(path: str | Path) -> list[Finding]:
    """Check a run folder against its checksums, and open the model in it; or check one file.

    A file is a model file, an ONNX file or a .keras archive, told by its ending.

    Args:
        path: of the folder or file. Nothing is changed, and nothing in it is run.

    Raises:
        DataError: it does not exist, or a folder has no SHA256SUMS.
    """
    path = Path(path)
    if path.is_dir():
        return [*_against_sums(path), _opened(path / FILE_NAME, FILE_NAME)]
    if not path.exists():
        raise DataError(f"{path} does not exist; give a model file or a run folder")
    return [_opened(path, str(path))]


def _against_sums(folder: Path) -> list[Finding]:
    listed = _listed(folder)
    found = []
    for name, digest in listed.items():
        file = folder / name
        if not _inside(file, folder):
            found.append(Finding(name, "lies outside of the folder"))
        elif not file.is_file():
            found.append(Finding(name, "is missing"))
        elif _digest(file) != digest:
            found.append(Finding(name, "is not what it was when the run ended"))
        else:
            found.append(Finding(name))
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name not in listed and name != SUMS:
            found.append(Finding(name, f"is not listed in {SUMS}"))
    return found


def _listed(folder: Path) -> dict[str, str]:
    sums = folder / SUMS
    try:
        with sums.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("utf-8", "surrogateescape")
    except FileNotFoundError:
        raise DataError(f"{folder} has no {SUMS}; a run that ended has one") from None
    except OSError as error:
        raise DataError(f"{sums} cannot be read ({error.strerror})") from None
    listed = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise DataError(f"{sums}, line {number}: no checksum and name")
        listed[match[2]] = match[1]
    return listed


def _inside(file: Path, folder: Path) -> bool:
    return file.resolve().is_relative_to(folder.resolve())


def _digest(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _open_keras(file: Path) -> None:
    try:
        import_keras(file)
    except OptionError:  # it does not scale pixels itself, which an import asks about
        import_keras(file, pixels="0..1")


def _opened(file: Path, name: str) -> Finding:
    try:
        match file.suffix.lower():
            case ".onnx":
                check_onnx(file)
            case ".keras":
                _open_keras(file)
            case _:
                load_model(file)
    except ConvwiseError as error:
        return Finding(name, str(error).removeprefix(f"{file}: "))
    return Finding(name)
