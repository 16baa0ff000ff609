"""Reading a .keras archive without Keras: nothing in it is run, and little is believed.

Its parts are bounded before they are unpacked. From the HDF5 file only arrays are read that the
layers need, by name, with the shape that these expect: no links, no storage outside of the file.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convwise.errors import ModelFileError
from convwise.ship.extras import require

MAX_CONFIG_BYTES = 20_000_000
# Weights come with their optimizer's, about three times as much, and with the file's own tables.
_MOST_TIMES, _MORE_BYTES = 5, 32_000_000
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FLOATS = ("float16", "float32", "float64")
_FILTERS = (1, 2, 3)  # deflate, shuffle, checksum: those that HDF5 itself brings


class KerasArchive:
    """An open .keras archive.

    Args:
        path: of the file.

    Raises:
        ModelFileError: it is no zip archive, or lacks a part.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise ModelFileError(f"{path} does not exist, or is no file")
        try:
            self._archive = zipfile.ZipFile(path)
        except (OSError, ValueError, NotImplementedError, zipfile.BadZipFile):
            raise ModelFileError("is no .keras archive of Keras 3, or was cut off") from None
        names = self._archive.namelist()
        if doubled := [
            name for name in ("config.json", "model.weights.h5") if names.count(name) > 1
        ]:
            raise ModelFileError(f"holds {doubled[0]} twice")

    def json(self, name: str) -> dict[str, Any] | None:
        """Return a JSON part, or None where there is none.

        Raises:
            ModelFileError: it is too large, or no JSON object.
        """
        content = self._read(name, MAX_CONFIG_BYTES)
        if content is None:
            return None
        try:
            found = json.loads(content.decode("utf-8"))
        except (ValueError, RecursionError):
            raise ModelFileError(f"its {name} is no JSON") from None
        if not isinstance(found, dict):
            raise ModelFileError(f"its {name} is no JSON object")
        return found

    def weights(self, wanted: dict[str, list[tuple[int, ...]]]) -> dict[str, list[NDArray[Any]]]:
        """Return the arrays of layers.

        Args:
            wanted: group of a layer → shapes of its arrays, in order.

        Raises:
            ModelFileError: an array is missing, of another shape, or not stored in the file itself.
        """
        h5py = require("h5py", "keras")
        size = sum(4 * int(np.prod(shape)) for shapes in wanted.values() for shape in shapes)
        content = self._read("model.weights.h5", _MOST_TIMES * size + _MORE_BYTES)
        if content is None:
            raise ModelFileError("holds no model.weights.h5; save it with Keras 3")
        try:
            with h5py.File(io.BytesIO(content), "r") as file:
                return {
                    group: [
                        _array(h5py, file, f"layers/{group}/vars/{number}", shape)
                        for number, shape in enumerate(shapes)
                    ]
                    for group, shapes in wanted.items()
                }
        except ModelFileError:
            raise
        except Exception as error:  # h5py raises whatever a damaged file makes it stumble on
            raise ModelFileError(f"its model.weights.h5 is damaged ({str(error)[:120]})") from None

    def _read(self, name: str, most: int) -> bytes | None:
        try:
            entry = self._archive.getinfo(name)
        except KeyError:
            return None
        if entry.file_size > most:
            raise ModelFileError(
                f"its {name} would unpack to {entry.file_size:,} bytes, above the {most:,} that"
                " its layers can need"
            )
        if entry.flag_bits & 1 or entry.compress_type not in (
            zipfile.ZIP_STORED,
            zipfile.ZIP_DEFLATED,
        ):
            raise ModelFileError(f"its {name} is encrypted, or packed in a way Keras does not use")
        try:
            with self._archive.open(entry) as stream:
                return stream.read(most + 1)
        except (OSError, EOFError, ValueError, RuntimeError, zipfile.BadZipFile, zlib.error):
            raise ModelFileError(f"its {name} is damaged or cut off") from None

    def close(self) -> None:
        """Close the file."""
        self._archive.close()


def _array(h5py: Any, file: Any, path: str, shape: tuple[int, ...]) -> NDArray[Any]:
    node = file
    for part in path.split("/"):
        link = node.get(part, getlink=True) if isinstance(node, h5py.Group) else None
        if link is None:
            raise ModelFileError(
                f"its model.weights.h5 lacks {path}; open it with Keras 3 and save it again"
            )
        if not isinstance(link, h5py.HardLink):
            raise ModelFileError(f"its model.weights.h5 has a link in the place of {path}")
        node = node[part]
    if not isinstance(node, h5py.Dataset):
        raise ModelFileError(f"its model.weights.h5 has no array at {path}")
    if node.shape != shape:
        raise ModelFileError(f"{path} is {list(node.shape or ())} instead of {list(shape)}")
    settings = node.id.get_create_plist()
    filters = [settings.get_filter(number)[0] for number in range(settings.get_nfilters())]
    if node.external or node.is_virtual or any(each not in _FILTERS for each in filters):
        raise ModelFileError(f"{path} is not stored in the file itself")
    if node.dtype.name not in _FLOATS:
        raise ModelFileError(f"{path} holds {node.dtype.name[:40]}, not floating-point numbers")
    values: NDArray[Any] = np.asarray(node[()], np.float32)
    if not np.isfinite(values).all():
        raise ModelFileError(f"{path} holds values that are no numbers")
    return values
