from __future__ import annotations

import contextlib
import errno
import io
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convwise.data import decode
from convwise.data.decode import decode_image, decode_picture, read_header, whole_digest
from convwise.data.pool import decode_all
from convwise.data.traits import Kind
from convwise.errors import DecodeError
from convwise.image import ImageFormat

GENERATOR = np.random.default_rng(7)
COLOUR = GENERATOR.integers(0, 256, (5, 7, 3), dtype=np.uint8)
ALPHA = GENERATOR.integers(0, 256, (5, 7), dtype=np.uint8)
GREY = GENERATOR.integers(0, 256, (5, 7), dtype=np.uint8)
COLOUR_FORMAT = ImageFormat(5, 7, 3)
GREY_FORMAT = ImageFormat(5, 7, 1)


def saved(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def luma(colour: np.ndarray) -> np.ndarray:
    """ITU-R BT.601, with weights of 16 fractional bits."""
    red, green, blue = np.moveaxis(colour.astype(np.int64), -1, 0)
    return ((19595 * red + 38470 * green + 7471 * blue + 32768) >> 16).astype(np.uint8)


def over(colour: np.ndarray, alpha: np.ndarray, background: int) -> np.ndarray:
    weight = alpha.astype(np.float64)[..., None] / 255
    return np.floor(colour * weight + background * (1 - weight) + 0.5).astype(np.uint8)


def chunked_png(
    depth: int,
    kind: int,
    rows: bytes,
    width: int,
    height: int,
    extra: bytes = b"",
    interlaced: bool = False,
) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlaced))
    return (
        b"\x89PNG\r\n\x1a\n"
        + head
        + extra
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP"])
def test_colour_pixels_are_exact(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(Image.fromarray(COLOUR), kind, **options)
    assert np.array_equal(decode_image(content, COLOUR_FORMAT), COLOUR)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "GIF"])
def test_grey_pixels_are_exact(kind: str) -> None:
    content = saved(Image.fromarray(GREY), kind)
    assert np.array_equal(decode_image(content, GREY_FORMAT)[..., 0], GREY)


def test_colour_becomes_luma_for_a_grey_format() -> None:
    content = saved(Image.fromarray(COLOUR))
    assert np.array_equal(decode_image(content, GREY_FORMAT)[..., 0], luma(COLOUR))


def test_grey_is_repeated_for_a_colour_format() -> None:
    content = saved(Image.fromarray(GREY))
    expected = np.repeat(GREY[..., None], 3, axis=2)
    assert np.array_equal(decode_image(content, COLOUR_FORMAT), expected)


@pytest.mark.parametrize("background", [0, 77, 255])
def test_transparency_shows_the_background(background: int) -> None:
    content = saved(Image.fromarray(np.dstack([COLOUR, ALPHA])))
    image_format = ImageFormat(5, 7, 3, alpha_background=background)
    assert np.array_equal(decode_image(content, image_format), over(COLOUR, ALPHA, background))


def test_grey_with_transparency_shows_the_background() -> None:
    image = Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(ALPHA)))
    expected = over(GREY[..., None], ALPHA, 255)
    assert np.array_equal(decode_image(saved(image), GREY_FORMAT), expected)


def test_palette_with_a_transparent_entry_shows_the_background() -> None:
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    content = saved(image, transparency=1)
    decoded = decode_image(content, ImageFormat(1, 3, 3))
    assert decoded.tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]


def test_palette_becomes_its_colours() -> None:
    image = Image.fromarray(np.array([[1, 0]], np.uint8), "P")
    image.putpalette([10, 20, 30, 40, 50, 60])
    decoded = decode_image(saved(image), ImageFormat(1, 2, 3))
    assert decoded.tolist() == [[[40, 50, 60], [10, 20, 30]]]


def test_one_bit_becomes_black_and_white() -> None:
    bits = GREY > 127
    content = saved(Image.fromarray(bits))
    assert np.array_equal(decode_image(content, GREY_FORMAT)[..., 0], np.where(bits, 255, 0))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_are_scaled_not_cut(kind: str) -> None:
    values = np.array([[0, 128, 129, 257, 32_768, 65_407, 65_535]], np.uint16)
    decoded = decode_image(saved(Image.fromarray(values), kind), ImageFormat(1, 7, 1))
    assert decoded.ravel().tolist() == np.rint(values.ravel() / 257).astype(int).tolist()


def test_sixteen_bit_transparency_shows_the_background() -> None:
    rows = b"\0" + struct.pack(">3H", 0, 300, 65_535)
    transparent = struct.pack(">H", 300)
    extra = struct.pack(">I", 2) + b"tRNS" + transparent
    extra += struct.pack(">I", zlib.crc32(b"tRNS" + transparent))
    content = chunked_png(16, 0, rows, 3, 1, extra)
    image_format = ImageFormat(1, 3, 1, alpha_background=9)
    assert decode_image(content, image_format).ravel().tolist() == [0, 9, 255]


def test_cmyk_becomes_colour() -> None:
    inks = np.zeros((1, 2, 4), np.uint8)
    inks[0, 0] = (255, 0, 0, 0)
    inks[0, 1] = (0, 0, 0, 255)
    content = saved(Image.fromarray(inks, "CMYK"), "TIFF")
    assert decode_image(content, ImageFormat(1, 2, 3)).tolist() == [[[0, 255, 255], [0, 0, 0]]]


def test_floating_point_is_refused() -> None:
    content = saved(Image.fromarray(GREY.astype(np.float32)), "TIFF")
    with pytest.raises(DecodeError, match="floating-point pixels have no agreed range"):
        decode_image(content, GREY_FORMAT)


def test_thirty_two_bits_are_refused() -> None:
    content = saved(Image.fromarray(GREY.astype(np.int32) * 100_000), "TIFF")
    with pytest.raises(DecodeError, match="32-bit pixels have no agreed range"):
        decode_image(content, GREY_FORMAT)


def test_the_first_picture_of_an_animation_counts() -> None:
    first, second = (Image.fromarray(np.full((5, 7), level, np.uint8)) for level in (0, 255))
    content = saved(first, "GIF", save_all=True, append_images=[second])
    assert decode_image(content, GREY_FORMAT).max() == 0


UPRIGHT = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.swapaxes(a[::-1, ::-1], 0, 1),
    8: lambda a: np.rot90(a, 1),
}


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied_once(kind: str, orientation: int) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    content = saved(Image.fromarray(COLOUR), kind, exif=exif(orientation), **options)
    expected = UPRIGHT[orientation](COLOUR)
    image_format = ImageFormat(*expected.shape)
    assert np.array_equal(decode_image(content, image_format), expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_reduced_jpeg_is_turned_upright(orientation: int) -> None:
    picture = np.zeros((240, 400), np.uint8)
    picture[:120, :200] = 80
    picture[:120, 200:] = 160
    picture[120:, :200] = 240
    content = saved(Image.fromarray(picture), "JPEG", exif=exif(orientation), quality=95)
    upright = UPRIGHT[orientation](picture)
    height, width = (side // 10 for side in upright.shape)
    decoded = decode_image(content, ImageFormat(height, width, 1))[..., 0]
    middle = upright[5::10, 5::10].astype(int)
    inside = np.ones(middle.shape, bool)
    inside[height // 2 - 2 : height // 2 + 2] = False
    inside[:, width // 2 - 2 : width // 2 + 2] = False
    assert np.abs(decoded - middle)[inside].max() <= 2


def test_a_jpeg_is_decoded_reduced_only_when_at_most_half_is_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes = []
    render = decode.render

    def spy(picture: Image.Image, *rest: Any) -> Any:
        sizes.append(picture.size)
        return render(picture, *rest)

    monkeypatch.setattr(decode, "render", spy)
    content = saved(Image.new("L", (64, 64), 9), "JPEG")
    for side in (33, 32, 16):
        decode_image(content, ImageFormat(side, side, 1))
    assert sizes == [(64, 64), (32, 32), (16, 16)]


def triangle(source: int, target: int) -> np.ndarray:
    """Weights (target, source) of an antialiased bilinear filter, after its definition."""
    scale = max(source / target, 1.0)
    centres = (np.arange(target) + 0.5) * source / target
    distance = np.abs(np.arange(source) + 0.5 - centres[:, None]) / scale
    weights = np.maximum(1 - distance, 0)
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(("rows", "columns"), [(3, 4), (2, 7), (10, 14), (6, 3)])
def test_stretch_is_the_triangle_filter(rows: int, columns: int) -> None:
    decoded = decode_image(
        saved(Image.fromarray(GREY)), ImageFormat(rows, columns, 1, resize="stretch")
    )
    expected = triangle(5, rows) @ GREY @ triangle(7, columns).T
    assert np.abs(decoded[..., 0] - expected).max() <= 1.5


def test_pad_keeps_exact_pixels_in_the_middle() -> None:
    decoded = decode_image(saved(Image.fromarray(GREY)), ImageFormat(8, 7, 1, pad_value=3))
    assert np.array_equal(decoded[1:6, :, 0], GREY)
    assert set(decoded[0].ravel()) | set(decoded[6:].ravel()) == {3}


def test_crop_keeps_exact_pixels_of_the_middle() -> None:
    decoded = decode_image(saved(Image.fromarray(GREY)), ImageFormat(5, 4, 1, resize="crop"))
    assert np.array_equal(decoded[..., 0], GREY[:, 1:5])


def test_crop_scales_the_middle() -> None:
    picture = GENERATOR.integers(0, 256, (12, 20), dtype=np.uint8)
    decoded = decode_image(saved(Image.fromarray(picture)), ImageFormat(6, 6, 1, resize="crop"))
    expected = triangle(12, 6) @ picture @ triangle(20, 10).T
    assert np.abs(decoded[..., 0] - expected[:, 2:8])[:, 1:-1].max() <= 1.5


@pytest.mark.parametrize("resize", ["pad", "crop", "stretch"])
@pytest.mark.parametrize("size", [(1, 300), (300, 1), (3, 2), (200, 199)])
def test_every_rule_gives_the_size_asked_for(resize: Any, size: tuple[int, int]) -> None:
    content = saved(Image.new("RGB", size, "red"))
    assert decode_image(content, ImageFormat(9, 6, 3, resize=resize)).shape == (9, 6, 3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"just words, no picture at all", "not a picture in PNG, JPEG"),
        (saved(Image.fromarray(COLOUR))[:20], "the file is cut off"),
        (b"RIFF\0\0\0\0WAVEfmt ", "not a picture in PNG, JPEG"),
        (b"\xff\xd8\xff\xd9" + bytes(20), "header of this JPEG file is damaged or cut off"),
        (saved(Image.new("L", (99, 99)), "PPM"), "not a picture in PNG, JPEG"),
    ],
)
def test_what_is_no_picture_says_why(content: bytes, reason: str) -> None:
    with pytest.raises(DecodeError, match=reason):
        decode_image(content, GREY_FORMAT)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_a_truncated_file_is_an_error(kind: str) -> None:
    noise = GENERATOR.integers(0, 256, (64, 64), dtype=np.uint8)
    options = {"compression": "tiff_lzw"} if kind == "TIFF" else {}
    content = saved(Image.fromarray(noise), kind, **options)
    with pytest.raises(DecodeError):
        decode_image(content[: len(content) // 2], ImageFormat(64, 64, 1))


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_truncated_file_is_called_cut_off(kind: str) -> None:
    noise = GENERATOR.integers(0, 256, (64, 64), dtype=np.uint8)
    content = saved(Image.fromarray(noise), kind)
    with pytest.raises(DecodeError, match="cut off"):
        decode_image(content[: len(content) // 2], ImageFormat(64, 64, 1))


def test_a_truncated_jpeg_is_an_error_even_when_decoded_reduced() -> None:
    noise = GENERATOR.integers(0, 256, (64, 64), dtype=np.uint8)
    content = saved(Image.fromarray(noise), "JPEG", progressive=True)
    with pytest.raises(DecodeError, match="cut off"):
        decode_image(content[: len(content) // 2], ImageFormat(8, 8, 1))


def test_a_phone_photo_with_a_second_picture_inside_is_a_jpeg() -> None:
    first, second = Image.new("RGB", (64, 32), "red"), Image.new("RGB", (64, 32), "blue")
    content = saved(first, "MPO", save_all=True, append_images=[second], exif=exif(6))
    decoded = decode_image(content, ImageFormat(16, 8, 3))
    assert np.abs(decoded.astype(int) - (255, 0, 0)).max() <= 2


def test_a_flipped_bit_in_a_png_is_damage() -> None:
    content = bytearray(saved(Image.fromarray(COLOUR)))
    content[content.index(b"IDAT") + 8] ^= 0xFF
    with pytest.raises(DecodeError, match=r"damaged|cut off"):
        decode_image(bytes(content), COLOUR_FORMAT)


@pytest.mark.parametrize("width", [10_001, 100_000])
def test_too_many_pixels_are_refused_before_decoding(width: int) -> None:
    content = chunked_png(8, 0, b"", width, 10_000, b"")
    with pytest.raises(DecodeError, match=r"pixels are more than (the|Pillow)"):
        decode_image(content, GREY_FORMAT)


def test_the_cap_counts_pixels() -> None:
    content = saved(Image.fromarray(GREY))
    assert decode_picture(content, GREY_FORMAT, max_pixels=35).width == 7
    with pytest.raises(DecodeError, match="7 × 5 pixels are more than the 34 that"):
        decode_picture(content, GREY_FORMAT, max_pixels=34)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(DecodeError, match="cannot be read: No such file"):
        decode_image(tmp_path / "none.png", GREY_FORMAT)


def test_damaged_exif_beside_sound_pixels_is_ignored() -> None:
    content = saved(Image.fromarray(COLOUR), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.array_equal(decode_image(content, COLOUR_FORMAT), COLOUR)


def test_bytes_and_paths_give_the_same(tmp_path: Path) -> None:
    content = saved(Image.fromarray(COLOUR), "JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    image_format = ImageFormat(4, 4, 3)
    from_bytes = decode_image(content, image_format)
    assert np.array_equal(from_bytes, decode_image(path, image_format))
    assert np.array_equal(from_bytes, decode_image(str(path), image_format))


def test_a_header_is_upright_and_knows_grey(tmp_path: Path) -> None:
    for name, array in (("grey.jpg", GREY), ("colour.jpg", COLOUR)):
        Image.fromarray(array).save(tmp_path / name, exif=exif(6))
    grey, colour = (read_header(tmp_path / name) for name in ("grey.jpg", "colour.jpg"))
    assert (grey.width, grey.height, grey.grey) == (5, 7, True)
    assert not colour.grey


def test_a_header_of_no_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("words")
    with pytest.raises(DecodeError, match="not a picture"):
        read_header(tmp_path / "a.png")


def test_kinds_tell_what_is_out_of_the_ordinary() -> None:
    def kinds(image: Image.Image, kind: str = "PNG", **options: Any) -> Kind:
        return decode_picture(saved(image, kind, **options), COLOUR_FORMAT).kinds

    colour = Image.fromarray(COLOUR)
    assert kinds(colour) == Kind(0)
    assert kinds(Image.fromarray(GREY)) == Kind.GREY
    assert kinds(colour.convert("CMYK"), "JPEG") == Kind.CMYK
    assert kinds(colour.convert("P")) == Kind.PALETTE
    assert kinds(colour.convert("RGBA")) == Kind.ALPHA
    assert kinds(Image.fromarray(GREY.astype(np.uint16))) == Kind.GREY | Kind.SIXTEEN_BIT
    frames = [Image.fromarray(255 - COLOUR)]
    assert kinds(colour, "WEBP", save_all=True, append_images=frames) & Kind.ANIMATED
    turned = Image.Exif()
    turned[0x0112] = 6
    assert kinds(colour, "JPEG", exif=turned) == Kind.ROTATED
    assert kinds(colour, "TIFF", exif=turned) == Kind.ROTATED


def test_the_whole_digest_is_of_the_colours_and_the_shape_alone() -> None:
    colour = Image.fromarray(COLOUR)
    assert whole_digest(saved(colour)) == whole_digest(saved(colour, "BMP"))
    assert whole_digest(saved(colour)) == whole_digest(saved(colour.convert("RGBA")))
    assert whole_digest(saved(colour)) != whole_digest(saved(Image.fromarray(COLOUR + 1)))
    black = [Image.new("RGB", size) for size in ((2, 8), (4, 4))]
    assert whole_digest(saved(black[0])) != whole_digest(saved(black[1]))


def test_padding_does_not_hide_that_a_picture_has_one_colour() -> None:
    content = saved(Image.new("RGB", (20, 5), "red"), "PNG")
    assert decode_picture(content, COLOUR_FORMAT).kinds == Kind.CONSTANT


def test_a_flipped_bit_in_the_pixels_of_a_png_is_always_noticed() -> None:
    content = saved(Image.fromarray((np.indices((200, 300)).sum(axis=0) % 256).astype(np.uint8)))
    unnoticed = 0
    for place in range(content.index(b"IDAT") + 4, content.index(b"IEND") - 8):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        with pytest.raises(DecodeError):
            decode_image(bytes(damaged), ImageFormat(200, 300, 1))
        with contextlib.suppress(OSError, SyntaxError):
            Image.open(io.BytesIO(damaged)).load()
            unnoticed += 1
    # Otherwise the check would be of no use.
    assert unnoticed > 50


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize(("depth", "colour"), [(1, 0), (2, 0), (16, 0), (8, 2), (8, 4), (16, 6)])
@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 5), (8, 8), (13, 9)])
def test_a_black_png_is_whole_only_with_all_of_its_rows(
    width: int, height: int, depth: int, colour: int, interlaced: bool
) -> None:
    values = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    passes = [(height, width)]
    if interlaced:
        passes = [
            (len(range(top, height, down)), len(range(left, width, across)))
            for left, top, across, down in (
                *((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4)),
                *((0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)),
            )
        ]
    size = sum(
        rows * (1 + math.ceil(columns * depth * values / 8)) for rows, columns in passes if columns
    )

    def png(length: int) -> bytes:
        return chunked_png(depth, colour, bytes(length), width, height, interlaced=interlaced)

    on_black = ImageFormat(height, width, 1, alpha_background=0)
    assert not decode_image(png(size), on_black).any()
    with pytest.raises(DecodeError, match=r"cut off|damaged"):
        decode_image(png(size - 1), on_black)


def test_a_file_system_fault_is_not_remembered(tmp_path: Path) -> None:
    def fail() -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    images = np.empty((2, *GREY_FORMAT.shape), np.uint8)
    content = saved(Image.fromarray(GREY), "PNG")
    assert not decode_all([(0, lambda: content), (1, lambda: b"")], images, GREY_FORMAT).passing
    reading = decode_all([(0, lambda: content), (1, fail)], images, GREY_FORMAT)
    assert reading.passing
    assert reading.reasons == {1: "cannot be read: Input/output error"}


@pytest.mark.parametrize("kind", ["device", "pipe"])
def test_what_is_no_file_is_refused_without_being_read(tmp_path: Path, kind: str) -> None:
    path = Path("/dev/zero") if kind == "device" else tmp_path / "pipe.png"
    if kind == "pipe":
        os.mkfifo(path)
    for read in (lambda: decode_image(path, GREY_FORMAT), lambda: read_header(path)):
        with pytest.raises(DecodeError, match="not a regular file"):
            read()


def test_the_stated_size_of_a_tiff_is_upright(tmp_path: Path) -> None:
    for orientation, size in ((1, (40, 20)), (6, (20, 40)), (8, (20, 40))):
        turned = Image.Exif()
        turned[0x0112] = orientation
        Image.new("L", (40, 20)).save(tmp_path / "a.tiff", exif=turned)
        header = read_header(tmp_path / "a.tiff")
        picture = decode_picture(tmp_path / "a.tiff", GREY_FORMAT)
        assert (header.width, header.height) == (picture.width, picture.height) == size
