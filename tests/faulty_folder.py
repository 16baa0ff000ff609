"""A folder with everything that goes wrong with image files, and what must be said of each."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SOUND_A_CLASS = 40
CUTS = 46
EMPTY = "the file is empty"
NO_PICTURE = "not a picture in PNG, JPEG, WEBP, BMP, GIF or TIFF format"
NOT_AN_IMAGE = "not an image file"
CUT_OFF = "the file is cut off"
DAMAGED = "the file is damaged ("
NOT_REGULAR = "not a regular file"
BROKEN_LINK = "a broken link"


@dataclass
class Faults:
    """What an audit of the folder must find.

    Args:
        skipped: path as it is printed → how the reason must begin; one of several where the
            format decides.
        oddities: name of an oddity → the paths that must be among its pictures.
        sound: paths of odd files that must be read.
    """

    skipped: dict[str, tuple[str, ...]] = field(default_factory=dict)
    oddities: dict[str, set[str]] = field(default_factory=dict)
    sound: set[str] = field(default_factory=set)


class FaultyFolder:
    """Writes the folder, and remembers what must be said of it.

    Args:
        root: made here; two classes of sound pictures, with faults among them.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults = Faults()
        self._numbers = np.random.default_rng(0)
        for name in ("ant", "bee"):
            (root / name).mkdir(parents=True)
            for number in range(SOUND_A_CLASS):
                self.sound(f"{name}/{number:02}.png", saved(self.picture()))
        for write in (_cuts, _contents, _headers, _foreign, _sizes, _kinds, _names, _not_files):
            write(self)

    def picture(self, *shape: int) -> Image.Image:
        """Return a picture of noise, 24×32 in colour if no shape is given."""
        size = shape or (24, 32, 3)
        return Image.fromarray(self._numbers.integers(0, 256, size, dtype=np.uint8))

    def sound(self, path: str, content: bytes, *oddities: str) -> None:
        """Add a file that must be read."""
        self._write(path, content)
        printed = _printed(path)
        self.faults.sound.add(printed)
        for name in oddities:
            self.faults.oddities.setdefault(name, set()).add(printed)

    def bad(self, path: str, content: bytes, *reasons: str) -> None:
        """Add a file that must be left out for one of these reasons."""
        self._write(path, content)
        self.refused(path, *reasons)

    def refused(self, path: str, *reasons: str) -> None:
        """Note what must be said of something that is there already."""
        self.faults.skipped[_printed(path)] = reasons

    def _write(self, path: str, content: bytes) -> None:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)


def tree_state(root: Path) -> dict[str, tuple[object, ...]]:
    """Return everything that could change in a folder: names, kinds, modes, times, contents."""
    state: dict[str, tuple[object, ...]] = {}
    for folder, _, files in [*os.walk(root)]:
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            facts = path.lstat()
            mode = facts.st_mode
            content: object = None
            if path.is_symlink():
                content = path.readlink()
            elif path.is_file():
                content = zlib.crc32(path.read_bytes()) if os.access(path, os.R_OK) else None
            key = _printed(os.path.relpath(path, root))
            state[key] = (mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, content)
    return state


def saved(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    """Return the bytes of a file."""
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(
    width: int, height: int, rows: Iterator[bytes], *, depth: int = 1, colour: int = 0
) -> bytes:
    """Return a PNG of rows that are never together in memory; each begins with its filter."""
    packer = zlib.compressobj(9)
    packed = b"".join([*map(packer.compress, rows), packer.flush()])
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND")


def chunk(kind: bytes, content: bytes = b"") -> bytes:
    """Return a chunk of a PNG."""
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _printed(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _cuts(folder: FaultyFolder) -> None:
    """Cut a JPEG off at 46 places, and the other formats at eight."""
    whole = saved(folder.picture(48, 64, 3), "JPEG", quality=90)
    for number, end in enumerate(np.linspace(0, len(whole) - 3, CUTS).astype(int).tolist()):
        reasons = (EMPTY,) if not end else (CUT_OFF, "the header of this JPEG file is damaged")
        folder.bad(f"ant/cut-{number:02}.jpg", whole[:end], *reasons)
    for kind, last in (("PNG", 0.95), ("WEBP", 0.95), ("BMP", 0.99), ("GIF", 0.9), ("TIFF", 0.5)):
        content = saved(
            folder.picture(48, 64, 3), kind, **({"lossless": True} if kind == "WEBP" else {})
        )
        header = f"the header of this {kind} file is damaged"
        for number, share in enumerate(np.linspace(0.02, last, 8).tolist()):
            end = int(share * len(content))
            folder.bad(f"bee/cut-{number}.{kind.lower()}", content[:end], CUT_OFF, header, DAMAGED)


def _flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def _contents(folder: FaultyFolder) -> None:
    """Flip a bit where a format can notice it."""
    smooth = (np.indices((96, 128)).sum(axis=0) % 256).astype(np.uint8)
    good = saved(Image.fromarray(smooth))
    for name, mark in (("pixels", b"IDAT"), ("size", b"IHDR")):
        content = _flipped(good, good.index(mark) + 10)
        folder.bad(f"ant/flipped-{name}.png", content, DAMAGED, CUT_OFF, "the header of this PNG")
    jpeg = saved(folder.picture(), "JPEG")
    frame = jpeg.index(b"\xff\xc0")
    header = "the header of this JPEG file is damaged"
    folder.bad("ant/flipped-frame.jpg", _flipped(jpeg, frame + 1), header, DAMAGED)
    tables = jpeg.index(b"\xff\xc4")
    folder.bad("ant/flipped-table.jpg", _flipped(jpeg, tables + 5), DAMAGED, CUT_OFF)
    webp = saved(folder.picture(), "WEBP", lossless=True)
    folder.bad("ant/flipped.webp", _flipped(webp, 20), DAMAGED, "the header of this WEBP", CUT_OFF)
    tiff = saved(folder.picture(), "TIFF", compression="tiff_adobe_deflate")
    folder.bad("ant/flipped.tif", _flipped(tiff, 12), DAMAGED, CUT_OFF, "the header of this TIFF")


def _headers(folder: FaultyFolder) -> None:
    """State what cannot be."""
    rows = [b"\0" * 4] * 8
    folder.bad("ant/no-width.png", png(0, 8, iter(rows)), DAMAGED, "the header of this PNG")
    folder.bad("ant/no-height.png", png(8, 0, iter(rows)), DAMAGED, "the header of this PNG")
    folder.bad("ant/colour-5.png", png(8, 8, iter(rows), colour=5), DAMAGED, "the header of this")
    folder.bad("ant/depth-3.png", png(8, 8, iter(rows), depth=3), DAMAGED, "the header of this")
    folder.bad("ant/few-rows.png", png(8, 64, iter([b"\0\0"] * 8)), CUT_OFF, DAMAGED)
    no_pixels = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    folder.bad("ant/no-pixels.png", no_pixels + chunk(b"IEND"), CUT_OFF, DAMAGED)
    folder.bad("ant/signature.png", b"\x89PNG\r\n\x1a\n", "the header of this PNG file")
    folder.bad("ant/signature.gif", b"GIF89a", "the header of this GIF file")


def _foreign(folder: FaultyFolder) -> None:
    """Put other things where pictures are expected."""
    folder.bad("bee/empty.png", b"", EMPTY)
    folder.bad("bee/empty.webp", b"", EMPTY)
    folder.bad("bee/text.jpg", b"These are my holiday pictures.\n", NO_PICTURE)
    folder.bad("bee/page.png", b"<!DOCTYPE html><title>404 Not Found</title>", NO_PICTURE)
    folder.bad("bee/zeros.jpg", bytes(4096), NO_PICTURE)
    folder.bad("bee/drawing.png", b"<svg xmlns='http://www.w3.org/2000/svg'/>", NO_PICTURE)
    folder.bad("bee/icon.png", saved(folder.picture(16, 16, 3), "ICO"), NO_PICTURE)
    folder.bad("bee/map.png", saved(folder.picture(), "PPM"), NO_PICTURE)
    folder.bad("bee/document.jpg", saved(folder.picture(), "PDF"), NO_PICTURE)
    folder.bad("bee/notes.txt", b"notes", NOT_AN_IMAGE)
    folder.bad("bee/labels.json", b"{}", NOT_AN_IMAGE)
    folder.bad("bee/film.mp4", bytes(100), NOT_AN_IMAGE)
    folder.bad("bee/phone.HEIC", bytes(100), "HEIC files are not read; convert it")
    folder.bad("bee/raw.nef", bytes(100), "NEF files are not read; convert it")
    folder.bad("outside.png", saved(folder.picture()), "not in a class folder")
    folder.bad("only-a-readme/README.md", b"Soon.\n", NOT_AN_IMAGE)


def _sizes(folder: FaultyFolder) -> None:
    """State more pixels than anyone wants decoded."""
    row = bytes(1 + 30_000 // 8)
    huge = png(30_000, 30_000, (row for _ in range(30_000)))
    folder.bad("ant/huge.png", huge, "900,000,000 pixels are more than Pillow decodes")
    row = bytes(1 + 12_000 // 8)
    large = png(12_000, 10_000, (row for _ in range(10_000)))
    reason = "12000 × 10000 pixels are more than the 100,000,000 that are allowed"
    folder.bad("ant/large.png", large, reason)
    rgb = saved(folder.picture(), "BMP")
    vast = rgb[:18] + struct.pack("<ii", 60_000, 60_000) + rgb[26:]
    folder.bad("ant/vast.bmp", vast, "3,600,000,000 pixels are more than Pillow decodes")
    folder.sound("ant/dot.png", saved(folder.picture(1, 1, 3)), "tiny", "constant")
    folder.sound("ant/line.png", saved(folder.picture(1, 300, 3)), "odd_aspect", "tiny")
    folder.sound("ant/panorama.jpg", saved(folder.picture(20, 200, 3), "JPEG"), "odd_aspect")
    folder.sound("ant/red.png", saved(Image.new("RGB", (50, 20), "red")), "constant")


def _kinds(folder: FaultyFolder) -> None:
    """Write every kind that is read with a remark, or refused with a reason."""
    colour, grey = folder.picture(), folder.picture(24, 32)
    deep = Image.fromarray(np.arange(24 * 32, dtype=np.uint16).reshape(24, 32) * 85)
    folder.sound("bee/print.jpg", saved(colour.convert("CMYK"), "JPEG"), "cmyk")
    folder.sound("bee/print.tif", saved(colour.convert("CMYK"), "TIFF"), "cmyk")
    folder.sound("bee/deep.tif", saved(deep, "TIFF"), "sixteen_bit")
    folder.sound("bee/deep.png", saved(deep), "sixteen_bit")
    palette = colour.quantize(16)
    folder.sound("bee/palette.png", saved(palette, transparency=3), "palette", "alpha")
    folder.sound("bee/palette.bmp", saved(palette, "BMP"), "palette")
    clear = colour.copy()
    clear.putalpha(grey)
    folder.sound("bee/clear.png", saved(clear), "alpha")
    folder.sound("bee/clear.webp", saved(clear, "WEBP"), "alpha")
    folder.sound("bee/ink.png", saved(grey.convert("1")))
    frames = [Image.new("RGB", (8, 8), (n % 256, n // 256, 99)) for n in range(10_000)]
    film = saved(folder.picture(8, 8, 3), "WEBP", save_all=True, append_images=frames[1:])
    folder.sound("bee/film.webp", film, "animated")
    gif = saved(palette, "GIF", save_all=True, append_images=[folder.picture().quantize(16)])
    folder.sound("bee/film.gif", gif, "animated", "palette")
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        remark = ("rotated",) if orientation > 1 else ()
        name = f"bee/turned-{orientation}.jpg"
        folder.sound(name, saved(folder.picture(), "JPEG", exif=exif), *remark)
    exif[0x0112] = 77
    folder.sound("bee/turned-77.jpg", saved(folder.picture(), "JPEG", exif=exif))
    broken = saved(folder.picture(), "JPEG", exif=b"Exif\0\0" + b"MM\0*\xff\xff\xff\xff")
    folder.sound("bee/broken-exif.jpg", broken)
    real = Image.fromarray(np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8))
    folder.bad("bee/float.tif", saved(real, "TIFF"), "floating-point pixels have no agreed range")
    wide = Image.fromarray(np.full((8, 8), 1 << 20, np.int32))
    folder.bad("bee/wide.tif", saved(wide, "TIFF"), "32-bit pixels have no agreed range")
    lab = Image.new("LAB", (8, 8))
    folder.bad("bee/lab.tif", saved(lab, "TIFF"), "Lab colours need a profile")


def _names(folder: FaultyFolder) -> None:
    """Use every name that a file system allows."""
    for name in (
        "two\nlines.png",
        "tab\tand \x1b[31mred.png",
        os.fsdecode(b"not-utf-8-\xff\xfe.png"),
        "n" * 251 + ".png",
        "Case.png",
        "case.png",
        "CASE.PNG",
        "ünïcödé – 图.png",
        " leading and trailing .png",
        "-dash.png",
        "comma, 'quote\".png",
        "no-suffix",
    ):
        folder.sound(f"ant/{name}", saved(folder.picture()))
    folder.sound("ant/really-a-jpeg.png", saved(folder.picture(), "JPEG"))
    folder.sound("ant/deeper/still deeper/1.png", saved(folder.picture()))


def _not_files(folder: FaultyFolder) -> None:
    """Put things in the way that block, loop or lead nowhere."""
    root = folder.root
    os.mkfifo(root / "bee/pipe.png")
    folder.refused("bee/pipe.png", NOT_REGULAR)
    links: tuple[tuple[str, str, Callable[[], str]], ...] = (
        ("bee/nowhere.png", "gone.png", lambda: BROKEN_LINK),
        ("bee/loop-a.png", "loop-b.png", lambda: BROKEN_LINK),
        ("bee/loop-b.png", "loop-a.png", lambda: BROKEN_LINK),
        ("bee/self.png", "self.png", lambda: BROKEN_LINK),
        ("bee/device.png", "/dev/zero", lambda: NOT_REGULAR),
        ("bee/up/", "..", lambda: "a link to a folder is not followed"),
        ("top/", ".", lambda: "a link to a folder that contains it is not followed"),
    )
    for name, target, reason in links:
        (root / name.rstrip("/")).symlink_to(target)
        folder.refused(name, reason())
    (root / "bee/linked.png").symlink_to("../ant/really-a-jpeg.png")
    folder.faults.sound.add("bee/linked.png")
    folder.bad("bee/locked.png", saved(folder.picture()), "cannot be read: Permission denied")
    (root / "bee/locked.png").chmod(0)
    (root / "bee/closed").mkdir()
    (root / "bee/closed").chmod(0)
    folder.refused("bee/closed/", "cannot be listed: Permission denied")
