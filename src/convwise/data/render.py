"""From a decoded picture of any mode and size to the pixels that an ImageFormat asks for."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convwise.errors import DecodeError
from convwise.image import ImageFormat


def render(
    picture: Image.Image, image_format: ImageFormat, whole: tuple[int, int] | None = None
) -> tuple[NDArray[np.uint8], bool]:
    """Bring an upright picture to the format's channels and size.

    Args:
        picture: decoded and upright, of any mode.
        image_format: the size, channels and rules.
        whole: (width, height) before a reduced decoding; it keeps the proportions exact.

    Returns:
        (pixels, constant): uint8, (height, width, channels); and whether they have one colour all
        over, padding not counted.

    Raises:
        DecodeError: the picture's mode has no agreed range of values.
    """
    picture = _with_channels(picture, image_format)
    size = (image_format.width, image_format.height)
    if picture.size != size:
        scaled = scaled_size(whole or picture.size, image_format)
        if image_format.resize == "crop":
            picture = _cropped(picture, scaled, size)
        else:
            picture = _resized(picture, scaled)
    constant = _has_one_colour(picture)
    picture = _padded(picture, size, image_format.pad_value)
    return np.asarray(picture, np.uint8).reshape(image_format.shape), constant


def scaled_size(size: tuple[int, int], image_format: ImageFormat) -> tuple[int, int]:
    """Return (width, height) that the whole picture is scaled to, before padding or cutting."""
    width, height = size
    wide, high = image_format.width, image_format.height
    if image_format.resize == "stretch":
        return wide, high
    width_decides = wide * height <= high * width
    if image_format.resize == "crop":
        width_decides = not width_decides
    if width_decides:
        return wide, max(1, (2 * height * wide + width) // (2 * width))
    return max(1, (2 * width * high + height) // (2 * height)), high


def _has_one_colour(picture: Image.Image) -> bool:
    # For "L" it is a pair, for "RGB" a pair for each channel.
    return all(low == high for low, high in np.reshape(picture.getextrema(), (-1, 2)).tolist())


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    if picture.size == size:
        return picture
    return picture.resize(size, Image.Resampling.BILINEAR)


def _padded(picture: Image.Image, size: tuple[int, int], level: int) -> Image.Image:
    if picture.size == size:
        return picture
    fill = level if picture.mode == "L" else (level,) * 3
    canvas = Image.new(picture.mode, size, fill)
    left, top = (size[0] - picture.width) // 2, (size[1] - picture.height) // 2
    canvas.paste(picture, (left, top))
    return canvas


def _cropped(picture: Image.Image, scaled: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    left, top = ((a - b) // 2 for a, b in zip(scaled, size, strict=True))
    if picture.size == scaled:
        return picture.crop((left, top, left + size[0], top + size[1]))
    across, down = (a / b for a, b in zip(picture.size, scaled, strict=True))
    # The part that remains is cut while scaling: the rest is never computed.
    box = (
        left * across,
        top * down,
        min((left + size[0]) * across, picture.width),
        min((top + size[1]) * down, picture.height),
    )
    return picture.resize(size, Image.Resampling.BILINEAR, box=box)


def _with_channels(picture: Image.Image, image_format: ImageFormat) -> Image.Image:
    if picture.mode.startswith("I"):
        picture = _eight_bits(picture, image_format.alpha_background)
    elif picture.mode == "F":
        raise DecodeError("floating-point pixels have no agreed range; save it with 8 or 16 bits")
    elif picture.mode == "LAB":
        raise DecodeError("Lab colours need a profile to become pixels; save it as RGB")
    elif picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = _on_background(picture, image_format.alpha_background)
    if picture.mode == "1":
        picture = picture.convert("L")
    elif picture.mode not in ("L", "RGB"):
        picture = picture.convert("RGB")
    mode = "L" if image_format.channels == 1 else "RGB"
    return picture if picture.mode == mode else picture.convert(mode)


def _eight_bits(picture: Image.Image, background: int) -> Image.Image:
    values = np.asarray(picture)
    if values.min() < 0 or values.max() > 65_535:
        raise DecodeError("32-bit pixels have no agreed range; save it with 8 or 16 bits")
    levels = ((values.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
    transparent = picture.info.get("transparency")
    if isinstance(transparent, int):
        levels[values == transparent] = background
    return Image.fromarray(levels)


def _on_background(picture: Image.Image, level: int) -> Image.Image:
    if picture.mode == "La":
        picture = picture.convert("LA")
    picture = picture.convert("RGBA")
    canvas = Image.new("RGB", picture.size, (level,) * 3)
    canvas.paste(picture, mask=picture.getchannel("A"))
    return canvas
