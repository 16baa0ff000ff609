from __future__ import annotations

from pathlib import Path

from PIL import Image

from convwise.data.decode import FORMATS
from convwise.image import ImageFormat
from convwise.ship.probe import write_probes

ORIENTATION = 0x0112


def test_the_files_are_of_six_formats_turned_transparent_and_with_a_palette(tmp_path: Path) -> None:
    modes: dict[str, set[str]] = {}
    turned: dict[str, set[int]] = {}
    sizes = set()
    for file in write_probes(tmp_path, ImageFormat(12, 10, 3)):
        with Image.open(file) as picture:
            kind = str(picture.format)
            modes.setdefault(kind, set()).add(picture.mode)
            turned.setdefault(kind, set()).add(picture.getexif().get(ORIENTATION, 1))
            sizes.add(picture.size)
    assert modes.keys() == set(FORMATS)
    assert modes["PNG"] == {"RGB", "L", "RGBA"}
    assert modes["JPEG"] == {"RGB", "L"}
    assert modes["WEBP"] == {"RGBA"}
    assert modes["GIF"] == {"P"}
    for kind in ("JPEG", "TIFF"):
        assert turned[kind] == {1, 2, 3, 4, 5, 6}
    assert (10, 12) in sizes
    assert any(width < 10 for width, _ in sizes)
    assert any(width > 20 for width, _ in sizes)
