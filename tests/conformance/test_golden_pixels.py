"""Decoded pixels against a second computation in plain NumPy: every mode, container and rotation.

What goes into a file is an array. What must come out is worked out from that array with integers:
palette look-up, inks, 16 to 8 bits, transparency, turning, grey. Pillow writes the files and, for
JPEG alone, reads the stored samples; nothing else of it takes part in what is expected.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convwise.data.decode import decode_image, decode_picture
from convwise.errors import DecodeError
from convwise.image import ImageFormat

Pixels = NDArray[np.int64]
CONTAINERS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")
HOLD_EXIF = ("PNG", "JPEG", "WEBP", "TIFF")
MODES = (
    *("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBa", "RGBX", "CMYK", "YCbCr", "LAB"),
    *("HSV", "I", "I;16", "I;16B", "I;16L", "F"),
)
BACKGROUNDS = (255, 77)
DRAWN = np.random.default_rng(20)
ROWS, COLUMNS = 5, 7


def drawn(*channels: int, levels: int = 256) -> Pixels:
    return DRAWN.integers(0, levels, (ROWS, COLUMNS, *channels))


GREY, COLOUR, INKS = drawn(), drawn(3), drawn(4)
# Both ends and everything between: rounding must hold for all of them.
ALPHA = drawn()
ALPHA[0, :3] = 0
ALPHA[1, :3] = 255
SIXTEEN = drawn(levels=65_536)
SIXTEEN[0] = (0, 128, 129, 257, 32_768, 65_407, 65_535)
BITS = drawn(levels=2)
ENTRIES = drawn(levels=16)
ENTRIES[0, :4] = (0, 1, 2, 15)
PALETTE = DRAWN.integers(0, 256, (16, 3))
PALETTE_ALPHA = DRAWN.integers(0, 256, 16)
CLEAR = 2


@dataclass(frozen=True)
class Shown:
    """What a file shows: (rows, columns) or (rows, columns, 3), alpha, and the allowed error."""

    colour: Pixels
    alpha: Pixels | None = None
    error: int = 0


@dataclass(frozen=True)
class Case:
    """A kind of file.

    Args:
        container: its format.
        mode: what Pillow calls its pixels when it opens it.
        note: tells apart cases of one container and mode.
        write: makes the file, with this EXIF orientation, or none.
        shown: works out from the array (and the file, for JPEG) what it shows.
    """

    container: str
    mode: str
    note: str
    write: Callable[[int | None], bytes]
    shown: Callable[[bytes], Shown]

    @property
    def name(self) -> str:
        return "-".join(filter(None, (self.container, self.mode, self.note)))


def exif_block(orientation: int) -> bytes:
    """One directory with one entry: tag 0x0112, a short."""
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def pillow_file(image: Image.Image, container: str, **options: Any) -> Callable[..., bytes]:
    def write(orientation: int | None) -> bytes:
        file, extra = io.BytesIO(), {}
        if orientation is not None:
            extra["exif"] = Image.Exif()
            extra["exif"][0x0112] = orientation
        image.save(file, container, **options, **extra)
        return file.getvalue()

    return write


def png_file(depth: int, kind: int, samples: Pixels, transparent: bytes = b"") -> Callable:
    """Write a PNG of whole-byte samples after its specification; Pillow cannot write them all."""

    def chunk(name: bytes, body: bytes) -> bytes:
        checked = name + body
        return struct.pack(">I", len(body)) + checked + struct.pack(">I", zlib.crc32(checked))

    def write(orientation: int | None) -> bytes:
        stored = samples.astype(">u2" if depth == 16 else "u1")
        rows = b"".join(b"\0" + row.tobytes() for row in stored)
        head = struct.pack(">IIBBBBB", COLUMNS, ROWS, depth, kind, 0, 0, 0)
        exif = chunk(b"eXIf", exif_block(orientation)) if orientation is not None else b""
        clear = chunk(b"tRNS", transparent) if transparent else b""
        body = chunk(b"IHDR", head) + exif + clear + chunk(b"IDAT", zlib.compress(rows))
        return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")

    return write


def bmp_with_alpha(orientation: int | None) -> bytes:
    """A BMP whose version 4 header names a mask for alpha."""
    samples = np.dstack([COLOUR[..., ::-1], ALPHA]).astype(np.uint8)[::-1].tobytes()
    masks = struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, COLUMNS, ROWS, 1, 32, 3, len(samples), 0, 0, 0, 0)
    head += masks + b"BGRs" + bytes(48)
    return b"BM" + struct.pack("<IHHI", 122 + len(samples), 0, 0, 122) + head + samples


def image_of(samples: Pixels, mode: str) -> Image.Image:
    """Return a Pillow image of samples that are stored as they stand."""
    if mode == "1":
        return Image.fromarray(samples.astype(bool))
    if mode in ("I", "F"):
        return Image.fromarray(samples.astype({"I": np.int32, "F": np.float32}[mode]))
    if mode.startswith("I;16"):
        return Image.frombytes(mode, (COLUMNS, ROWS), samples.astype(BYTE_ORDER[mode]).tobytes())
    return Image.frombytes(mode, (COLUMNS, ROWS), samples.astype(np.uint8).tobytes())


BYTE_ORDER = {"I;16": "<u2", "I;16L": "<u2", "I;16B": ">u2"}


def paletted(mode: str = "P") -> Image.Image:
    image = image_of(ENTRIES if mode == "P" else np.dstack([ENTRIES, ALPHA]), mode)
    image.putpalette(PALETTE.astype(np.uint8).tobytes())
    return image


def cmyk_shown(inks: Pixels) -> Shown:
    """Each ink, and black, takes its share of the light away; rounded to the nearest level."""
    light, black = 255 - inks[..., :3], 255 - inks[..., 3:]
    return Shown((light * black + 127) // 255)


def ycbcr_to_colour(samples: Pixels) -> Pixels:
    """ITU-R BT.601 at full range, as JFIF has it, with constants of 16 fractional bits."""
    level, blue, red = samples[..., 0], samples[..., 1] - 128, samples[..., 2] - 128
    half = 1 << 15
    found = [
        level + ((91_881 * red + half) >> 16),
        level + ((-22_554 * blue - 46_802 * red + half) >> 16),
        level + ((116_130 * blue + half) >> 16),
    ]
    return np.clip(np.stack(found, axis=-1), 0, 255)


def eight_bits(values: Pixels) -> Pixels:
    """From 0…65535 to 0…255, to the nearest: 257 steps make one."""
    return (values + 128) // 257


def stored_samples(content: bytes, draft: str | None = None) -> Pixels:
    """Return what is stored in a JPEG, neither turned nor brought to another colour space."""
    with Image.open(io.BytesIO(content)) as image:
        if draft:
            image.draft(draft, None)
            assert image.mode == draft
        return np.asarray(image).astype(np.int64)


def same(shown: Shown) -> Callable[[bytes], Shown]:
    return lambda content: shown


def cleared(entry: int, entries: Pixels) -> Pixels:
    return np.where(entries == entry, 0, 255)


def _png() -> list[Case]:
    colour = PALETTE[ENTRIES]
    index = pillow_file(paletted(), "PNG", transparency=CLEAR)
    many = pillow_file(paletted(), "PNG", transparency=PALETTE_ALPHA.astype(np.uint8).tobytes())
    one = GREY[2, 3]
    clear_grey, clear_colour = struct.pack(">H", one), struct.pack(">3H", *COLOUR[1, 1])
    clear_sixteen = struct.pack(">H", SIXTEEN[2, 3])
    alpha = np.dstack([SIXTEEN, SIXTEEN[::-1]])
    wide = np.dstack([SIXTEEN, SIXTEEN[::-1], SIXTEEN[:, ::-1]])
    wide_alpha = np.dstack([wide, SIXTEEN[::-1, ::-1]])
    all_but = np.where((COLOUR[1, 1] == COLOUR).all(axis=-1), 0, 255)
    bits, opaque = image_of(BITS, "1"), Shown(BITS * 255)
    rows = [
        ("1", "", pillow_file(bits, "PNG"), opaque),
        (
            *("1", "clear", pillow_file(bits, "PNG", transparency=1)),
            Shown(BITS * 255, cleared(1, BITS)),
        ),
        ("L", "", pillow_file(image_of(GREY, "L"), "PNG"), Shown(GREY)),
        ("L", "clear", png_file(8, 0, GREY, clear_grey), Shown(GREY, cleared(one, GREY))),
        ("LA", "", png_file(8, 4, np.dstack([GREY, ALPHA])), Shown(GREY, ALPHA)),
        # Pillow opens 16-bit grey with alpha as RGBA.
        # Pillow keeps the upper byte of 16-bit colour: v // 256 lies within 1 of v / 257.
        ("RGBA", "grey-16", png_file(16, 4, alpha), sixteen_with_alpha(alpha)),
        ("P", "", pillow_file(paletted(), "PNG"), Shown(colour)),
        ("P", "index", index, Shown(colour, cleared(CLEAR, ENTRIES))),
        ("P", "bytes", many, Shown(colour, PALETTE_ALPHA[ENTRIES])),
        ("RGB", "", pillow_file(image_of(COLOUR, "RGB"), "PNG"), Shown(COLOUR)),
        ("RGB", "clear", png_file(8, 2, COLOUR, clear_colour), Shown(COLOUR, all_but)),
        ("RGB", "16", png_file(16, 2, wide), Shown(eight_bits(wide), error=1)),
        ("RGBA", "", png_file(8, 6, np.dstack([COLOUR, ALPHA])), Shown(COLOUR, ALPHA)),
        ("RGBA", "16", png_file(16, 6, wide_alpha), sixteen_with_alpha(wide_alpha)),
        ("I;16", "", pillow_file(image_of(SIXTEEN, "I;16"), "PNG"), Shown(eight_bits(SIXTEEN))),
        (
            *("I;16", "clear", png_file(16, 0, SIXTEEN, clear_sixteen)),
            Shown(eight_bits(SIXTEEN), cleared(SIXTEEN[2, 3], SIXTEEN)),
        ),
    ]
    return [Case("PNG", mode, note, write, same(shown)) for mode, note, write, shown in rows]


def sixteen_with_alpha(samples: Pixels) -> Shown:
    """Both the colour and its weight may be one level off, which can add up to 2 with rounding."""
    levels = eight_bits(samples)
    colour = levels[..., :-1]
    return Shown(colour[..., 0] if colour.shape[-1] == 1 else colour, levels[..., -1], error=2)


def _jpeg() -> list[Case]:
    grey, colour = image_of(GREY, "L"), image_of(COLOUR, "RGB")
    # Without subsampling, so that each pixel has samples of its own.
    full = {"quality": 90, "subsampling": 0}
    return [
        Case(
            *("JPEG", "L", "", pillow_file(grey, "JPEG")),
            lambda content: Shown(stored_samples(content)),
        ),
        Case(
            *("JPEG", "RGB", "", pillow_file(colour, "JPEG")),
            lambda content: Shown(stored_samples(content)),
        ),
        Case(
            *("JPEG", "RGB", "ycbcr", pillow_file(colour, "JPEG", **full)),
            lambda content: Shown(ycbcr_to_colour(stored_samples(content, "YCbCr"))),
        ),
        Case(
            *("JPEG", "RGB", "kept", pillow_file(colour, "JPEG", keep_rgb=True)),
            lambda content: Shown(stored_samples(content)),
        ),
        Case(
            *("JPEG", "RGB", "progressive", pillow_file(colour, "JPEG", progressive=True)),
            lambda content: Shown(stored_samples(content)),
        ),
        Case(
            *("JPEG", "CMYK", "", pillow_file(image_of(INKS, "CMYK"), "JPEG", quality=95)),
            lambda content: cmyk_shown(stored_samples(content)),
        ),
    ]


def _webp() -> list[Case]:
    colour = image_of(COLOUR, "RGB")
    alpha = image_of(np.dstack([COLOUR, ALPHA]), "RGBA")
    return [
        Case("WEBP", "RGB", "", pillow_file(colour, "WEBP", lossless=True), same(Shown(COLOUR))),
        Case(
            *("WEBP", "RGBA", "", pillow_file(alpha, "WEBP", lossless=True)),
            same(Shown(COLOUR, ALPHA)),
        ),
    ]


def _bmp() -> list[Case]:
    padded = image_of(np.dstack([COLOUR, ALPHA]), "RGBA")
    rows = [
        ("1", "", pillow_file(image_of(BITS, "1"), "BMP"), Shown(BITS * 255)),
        ("L", "", pillow_file(image_of(GREY, "L"), "BMP"), Shown(GREY)),
        ("P", "", pillow_file(paletted(), "BMP"), Shown(PALETTE[ENTRIES])),
        ("RGB", "", pillow_file(image_of(COLOUR, "RGB"), "BMP"), Shown(COLOUR)),
        # Without masks in the header, the fourth byte of a pixel means nothing.
        ("RGB", "padded", pillow_file(padded, "BMP"), Shown(COLOUR)),
        ("RGBA", "", bmp_with_alpha, Shown(COLOUR, ALPHA)),
    ]
    return [Case("BMP", mode, note, write, same(shown)) for mode, note, write, shown in rows]


def _gif() -> list[Case]:
    index = pillow_file(paletted(), "GIF", transparency=CLEAR)
    shown = Shown(PALETTE[ENTRIES], cleared(CLEAR, ENTRIES))
    laced = pillow_file(paletted(), "GIF", interlace=1)
    rows = [
        ("L", "", pillow_file(image_of(BITS, "1"), "GIF"), Shown(BITS * 255)),
        ("L", "grey", pillow_file(image_of(GREY, "L"), "GIF", optimize=False), Shown(GREY)),
        ("P", "", pillow_file(paletted(), "GIF"), Shown(PALETTE[ENTRIES])),
        ("P", "index", index, shown),
        ("P", "interlaced", laced, Shown(PALETTE[ENTRIES])),
    ]
    return [Case("GIF", mode, note, write, same(shown)) for mode, note, write, shown in rows]


def _tiff() -> list[Case]:
    grey_alpha, alpha = np.dstack([GREY, ALPHA]), np.dstack([COLOUR, ALPHA])
    lookup = PALETTE[ENTRIES]
    rows = [
        ("1", BITS, Shown(BITS * 255)),
        ("L", GREY, Shown(GREY)),
        ("LA", grey_alpha, Shown(GREY, ALPHA)),
        ("RGB", COLOUR, Shown(COLOUR)),
        ("RGBA", alpha, Shown(COLOUR, ALPHA)),
        ("CMYK", INKS, cmyk_shown(INKS)),
        # Pillow's tables for YCbCr have 6 fractional bits, which is one level off in places.
        ("YCbCr", COLOUR, Shown(ycbcr_to_colour(COLOUR), error=1)),
        ("I;16", SIXTEEN, Shown(eight_bits(SIXTEEN))),
        ("I;16B", SIXTEEN, Shown(eight_bits(SIXTEEN))),
        ("I", SIXTEEN, Shown(eight_bits(SIXTEEN))),
    ]
    cases = [
        Case("TIFF", mode, "", pillow_file(image_of(samples, mode), "TIFF"), same(shown))
        for mode, samples, shown in rows
    ]
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        write = pillow_file(image_of(COLOUR, "RGB"), "TIFF", compression=compression)
        cases.append(Case("TIFF", "RGB", compression, write, same(Shown(COLOUR))))
    write = pillow_file(paletted("PA"), "TIFF")
    cases.append(Case("TIFF", "PA", "", write, same(Shown(lookup, ALPHA))))
    return [*cases, Case("TIFF", "P", "", pillow_file(paletted(), "TIFF"), same(Shown(lookup)))]


CASES = [*_png(), *_jpeg(), *_webp(), *_bmp(), *_gif(), *_tiff()]
# Modes that have no agreed meaning as 8-bit pixels.
REFUSED = {("TIFF", "F"), ("TIFF", "LAB")}


def orientations(container: str) -> list[int | None]:
    return [None, *range(1, 9)] if container in HOLD_EXIF else [None]


TABLE = [(case, value) for case in CASES for value in orientations(case.container)]


def turned(pixels: Pixels, orientation: int | None) -> Pixels:
    """Turn upright: EXIF names the sides at which row 0 and column 0 of the file are seen."""
    value = orientation or 1
    if value > 4:
        pixels = np.swapaxes(pixels, 0, 1)
    # Row 0 is seen at the bottom, column 0 at the right; after exchanging them if they lie.
    if value in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if value in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def expected(shown: Shown, orientation: int | None, channels: int, background: int) -> Pixels:
    colour = shown.colour if shown.colour.ndim == 3 else np.dstack([shown.colour] * 3)
    if shown.alpha is not None:
        weight = shown.alpha[..., None]
        # A sum of 255ths is never half way between two levels: adding 127 rounds to the nearest.
        colour = (colour * weight + background * (255 - weight) + 127) // 255
    if channels == 1:
        # ITU-R BT.601: 0.299, 0.587, 0.114, in 16 fractional bits that add up to one.
        colour = (colour @ np.array([19_595, 38_470, 7_471]) + (1 << 15) >> 16)[..., None]
    return turned(colour, orientation)


@pytest.mark.parametrize(
    ("case", "orientation"),
    TABLE,
    ids=[f"{case.name}-{value or 'upright'}" for case, value in TABLE],
)
def test_decoded_pixels_are_those_of_a_second_computation(
    case: Case, orientation: int | None
) -> None:
    content = case.write(orientation)
    with Image.open(io.BytesIO(content)) as image:
        assert (image.format, image.mode) == (case.container, case.mode)
        assert image.getexif().get(0x0112) == orientation
    shown = case.shown(content)
    for channels in (1, 3):
        for background in BACKGROUNDS:
            wanted = expected(shown, orientation, channels, background)
            image_format = ImageFormat(*wanted.shape, alpha_background=background)
            found = decode_image(content, image_format).astype(np.int64)
            assert np.abs(found - wanted).max() <= shown.error


def test_the_table_has_every_mode_that_a_file_can_have() -> None:
    can_be = set()
    for container in CONTAINERS:
        for mode in MODES:
            file = io.BytesIO()
            try:
                image = Image.new(mode, (COLUMNS, ROWS))
                if mode == "P":
                    image.putpalette([0, 0, 0, 255, 0, 0])
                image.save(file, container)
            except (OSError, ValueError):
                continue
            with Image.open(file) as image:
                can_be.add((container, image.mode))
    stands = {(case.container, case.mode) for case in CASES}
    assert can_be - stands == REFUSED
    # Pillow reads alpha from a BMP and grey from a GIF, though it writes neither of itself.
    assert stands - can_be == {("BMP", "RGBA")}


def test_the_table_has_every_orientation_of_every_mode() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
    for case in CASES:
        found = [value for each, value in TABLE if each is case]
        assert found == ([None, 1, 2, 3, 4, 5, 6, 7, 8] if case.container in HOLD_EXIF else [None])


@pytest.mark.parametrize("orientation", [0, 9, 65_535])
def test_an_orientation_without_a_meaning_turns_nothing(orientation: int) -> None:
    content = png_file(8, 2, COLOUR)(orientation)
    assert np.array_equal(decode_image(content, ImageFormat(ROWS, COLUMNS, 3)), COLOUR)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize(
    ("mode", "samples"),
    [("F", SIXTEEN / 65_535), ("LAB", COLOUR), ("I", SIXTEEN - 1), ("I", SIXTEEN + 1)],
    ids=["F", "LAB", "I-negative", "I-above-16-bits"],
)
def test_pixels_without_an_agreed_range_are_refused(
    mode: str, samples: NDArray[Any], orientation: int
) -> None:
    content = pillow_file(image_of(samples, mode), "TIFF")(orientation)
    with pytest.raises(DecodeError):
        decode_image(content, ImageFormat(ROWS, COLUMNS, 3))


def triangle(source: int, target: int) -> NDArray[np.float64]:
    """Weights (target, source): a triangle of one target pixel to each side, at least one source.

    Pixels are squares with their centre in the middle; the part of a triangle beyond the edge is
    left out, and the rest made to add up to 1.
    """
    step = source / target
    centres = (np.arange(target) + 0.5) * step
    away = np.abs(centres[:, None] - (np.arange(source) + 0.5)) / max(step, 1.0)
    weights = np.clip(1 - away, 0, None)
    return weights / weights.sum(axis=1, keepdims=True)


def scaled(pixels: Pixels, rows: int, columns: int) -> NDArray[np.float64]:
    down, across = triangle(pixels.shape[0], rows), triangle(pixels.shape[1], columns)
    return np.einsum("ir,rck,jc->ijk", down, pixels.astype(np.float64), across)


def fitted(source: tuple[int, int], target: tuple[int, int], rule: str) -> tuple[int, int]:
    """Return the (rows, columns) of the whole picture after scaling, half a pixel rounded up."""
    if rule == "stretch":
        return target
    # Compared crosswise, so that no fraction is rounded.
    rows_limit = target[0] * source[1] < target[1] * source[0]
    if rows_limit == (rule == "pad"):
        return target[0], max(1, (2 * source[1] * target[0] + source[0]) // (2 * source[0]))
    return max(1, (2 * source[0] * target[1] + source[1]) // (2 * source[1])), target[1]


def resized(pixels: Pixels, target: tuple[int, int], rule: str, level: int) -> Pixels:
    source = (pixels.shape[0], pixels.shape[1])
    rows, columns = fitted(source, target, rule)
    whole = pixels if (rows, columns) == source else scaled(pixels, rows, columns)
    if rule == "crop":
        top, left = (rows - target[0]) // 2, (columns - target[1]) // 2
        whole = whole[top : top + target[0], left : left + target[1]]
    canvas = np.full((*target, pixels.shape[2]), float(level))
    top, left = (target[0] - whole.shape[0]) // 2, (target[1] - whole.shape[1]) // 2
    canvas[top : top + whole.shape[0], left : left + whole.shape[1]] = whole
    return np.floor(canvas + 0.5).astype(np.int64)


SOURCES = [(5, 7), (7, 5), (67, 101), (64, 48), (1, 9), (33, 33)]
TARGETS = [(5, 7), (6, 6), (7, 8), (28, 28), (31, 17), (1, 1), (9, 40)]


@pytest.mark.parametrize("rule", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("target", TARGETS, ids=lambda size: f"to-{size[0]}x{size[1]}")
@pytest.mark.parametrize("source", SOURCES, ids=lambda size: f"from-{size[0]}x{size[1]}")
def test_resized_pixels_are_those_of_a_triangle_filter(
    source: tuple[int, int], target: tuple[int, int], rule: Any
) -> None:
    """Within one level: rows and columns are scaled one after the other, each to whole levels."""
    for channels in (1, 3):
        seed = np.random.default_rng([*source, *target, channels])
        pixels = seed.integers(0, 256, (*source, channels))
        image = Image.fromarray(
            np.squeeze(pixels.astype(np.uint8), axis=2)
            if channels == 1
            else pixels.astype(np.uint8)
        )
        image_format = ImageFormat(*target, channels, resize=rule, pad_value=90)
        found = decode_image(pillow_file(image, "PNG")(None), image_format).astype(np.int64)
        assert np.abs(found - resized(pixels, target, rule, 90)).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("rule", ["pad", "crop", "stretch"])
def test_a_picture_is_turned_before_it_is_resized(orientation: int, rule: Any) -> None:
    image_format = ImageFormat(4, 11, 3, resize=rule, pad_value=200)
    found = decode_image(png_file(8, 2, COLOUR)(orientation), image_format).astype(np.int64)
    wanted = resized(turned(COLOUR, orientation), (4, 11), rule, 200)
    assert np.abs(found - wanted).max() <= 1


@pytest.mark.parametrize("rule", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_reduced_jpeg_is_resized_from_the_reduced_samples(orientation: int, rule: Any) -> None:
    seed = np.random.default_rng(3)
    whole = seed.integers(0, 256, (96, 160)).astype(np.uint8)
    content = pillow_file(Image.fromarray(whole), "JPEG")(orientation)
    with Image.open(io.BytesIO(content)) as image:
        image.draft("L", (40, 24))
        assert image.size == (40, 24)
        samples = turned(np.asarray(image).astype(np.int64)[..., None], orientation)
    rows, columns = samples.shape[0] - 3, samples.shape[1] - 5
    found = decode_image(content, ImageFormat(rows, columns, 1, resize="stretch"))
    wanted = resized(samples, (rows, columns), "stretch", 0)
    assert np.abs(found.astype(np.int64) - wanted).max() <= 1
    assert decode_picture(content, ImageFormat(rows, columns, 1, resize=rule)).width in (160, 96)


@pytest.mark.parametrize(
    ("size", "filled"),
    [((8, 7), [0, 6, 7]), ((5, 8), [7]), ((5, 10), [0, 8, 9]), ((6, 7), [5])],
    ids=["three-rows", "one-column", "three-columns", "one-row"],
)
def test_pad_puts_an_odd_row_below_and_an_odd_column_at_the_right(
    size: tuple[int, int], filled: list[int]
) -> None:
    picture = np.maximum(GREY, 1)
    content = pillow_file(image_of(picture, "L"), "PNG")(None)
    found = decode_image(content, ImageFormat(*size, 1, pad_value=0))[..., 0]
    empty = (found == 0).all(axis=1 if size[1] == COLUMNS else 0)
    assert np.flatnonzero(empty).tolist() == filled
    assert np.array_equal(found[found != 0].reshape(picture.shape), picture)
