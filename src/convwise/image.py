"""ImageFormat: the preprocessing contract between pictures and networks.

Training, evaluation, prediction and every exported file carry the same ImageFormat, so the same
file always becomes the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from convwise.errors import OptionError

Resize = Literal["pad", "crop", "stretch"]

MAX_SIDE = 16_384


@dataclass(frozen=True)
class ImageFormat:
    """How a picture becomes the input of a network.

    A file is decoded, turned upright (EXIF), given ``channels`` channels, resized by the rule
    ``resize`` to ``height`` × ``width`` uint8 pixels, and scaled to
    ``(pixel / 255 - mean) / std`` per channel.

    Args:
        height: rows of pixels.
        width: columns of pixels.
        channels: 1 (grey) or 3 (red, green, blue).
        resize: ``pad`` keeps the whole picture and its proportions and fills the rest with
            ``pad_value``; ``crop`` keeps the proportions and cuts the longer side's ends off;
            ``stretch`` changes the proportions.
        mean: subtracted per channel, in units of the full range 0…1.
        std: divided by per channel, in the same units.
        pad_value: grey level 0…255 that ``pad`` fills with.
        alpha_background: grey level 0…255 that stands behind transparent pixels.

    Raises:
        OptionError: a value is out of range.

    Example:
        >>> ImageFormat.parse("28x28x1").shape
        (28, 28, 1)
    """

    height: int
    width: int
    channels: int
    resize: Resize = "pad"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    pad_value: int = 0
    alpha_background: int = 255

    def __post_init__(self) -> None:
        for side in (self.height, self.width):
            if not 1 <= side <= MAX_SIDE:
                raise OptionError(f"image side {side} is not between 1 and {MAX_SIDE} pixels")
        if self.channels not in (1, 3):
            raise OptionError(f"{self.channels} channels: use 1 (grey) or 3 (colour)")
        if self.resize not in get_args(Resize):
            raise OptionError(f"resize rule {self.resize!r}: use {', '.join(get_args(Resize))}")
        for level in (self.pad_value, self.alpha_background):
            if not 0 <= level <= 255:
                raise OptionError(f"grey level {level} is not between 0 and 255")
        object.__setattr__(self, "mean", tuple(self.mean) or (0.0,) * self.channels)
        object.__setattr__(self, "std", tuple(self.std) or (1.0,) * self.channels)
        if len(self.mean) != self.channels or len(self.std) != self.channels:
            raise OptionError(f"mean and std need one number for each of {self.channels} channels")
        if not all(map(math.isfinite, self.mean)):
            raise OptionError(f"mean must be finite, not {self.mean}")
        if not all(0 < value < math.inf for value in self.std):
            raise OptionError(f"std must be positive and finite, not {self.std}")

    @property
    def shape(self) -> tuple[int, int, int]:
        """(height, width, channels)."""
        return (self.height, self.width, self.channels)

    @property
    def mean_colour(self) -> tuple[int, ...]:
        """The level 0…255 of each channel that is scaled to about 0."""
        return tuple(min(max(round(255 * value), 0), 255) for value in self.mean)

    @classmethod
    def parse(cls, text: str) -> ImageFormat:
        """Read ``HEIGHTxWIDTHxCHANNELS``, for example ``28x28x1``.

        Raises:
            OptionError: the text is not of that form.
        """
        parts = text.lower().replace("×", "x").split("x")
        if len(parts) != 3 or not all(part.strip().isdecimal() for part in parts):
            raise OptionError(
                f"image {text!r} is not HEIGHTxWIDTHxCHANNELS; write for example 28x28x1"
            )
        height, width, channels = (int(part) for part in parts)
        return cls(height, width, channels)

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ImageFormat:
        """Read what :meth:`to_dict` wrote.

        Raises:
            OptionError: a field is missing, unknown or out of range.
        """
        try:
            fields = dict(values)
            fields["mean"] = tuple(float(value) for value in fields.get("mean", ()))
            fields["std"] = tuple(float(value) for value in fields.get("std", ()))
            return cls(**fields)
        except TypeError as error:
            raise OptionError(f"not an image format: {error}") from None
