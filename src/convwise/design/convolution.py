"""Convolution: what all layers that slide trained filters have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import ClassVar, cast

from convwise.design.layer import Layer, Replacement, Shape, Size, Window, map_shape
from convwise.geometry import Padding


class Convolution(Layer):
    """A layer that slides trained filters over a map.

    Subclasses are dataclasses that hold the fields below, in Keras's order.
    """

    stem: ClassVar[str] = "conv"
    takes_norm: ClassVar[bool] = True

    kernel_size: Size
    strides: Size
    padding: Padding
    activation: str | None
    use_bias: bool
    dilation_rate: Size

    def __post_init__(self) -> None:
        super().__post_init__()
        window = self.window()
        if max(window.strides) > 1 and max(window.dilation) > 1:
            raise self.wrong("strides and dilation_rate are both above 1; set one of them to 1")

    @abstractmethod
    def outputs(self, channels: int) -> int:
        """Return channels of the output, from those of the input.

        Raises:
            DesignError: the layer cannot take so many channels.
        """

    def window(self) -> Window:
        """Return the window that each filter slides."""
        return self._window

    @cached_property
    def _window(self) -> Window:
        # Asked for several times a row, and repeated layers are one object.
        return Window(
            cast(tuple[int, int], self.kernel_size),
            cast(tuple[int, int], self.strides),
            self.padding,
            cast(tuple[int, int], self.dilation_rate),
        )

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return (rows, columns, channels)."""
        channels = self.outputs(map_shape(input_shape, "a convolution")[2])
        return (*self.window().output(input_shape), channels)

    def flops(self, input_shape: Shape) -> int:
        """Return 2 for each weight of each kernel at each place of the output."""
        rows, columns = self.window().output(input_shape)
        weights = sum(w.size for w in self.weights(input_shape) if w.name.endswith("kernel"))
        return 2 * rows * columns * weights

    def other_flops(self, input_shape: Shape) -> int:
        """Return one for each value that the activation is applied to."""
        return prod(self.output_shape(input_shape)) if self.activation else 0

    def repairs(self, input_shape: Shape) -> Iterator[Replacement]:
        """Offer padding or no stride, then going without."""
        if len(input_shape) == 3:
            yield from self.roomier()
        yield ()

    def roomier(self) -> Iterator[Replacement]:
        """Offer zeros at the border, then no stride."""
        window = self.window()
        if window.padding == "valid" and max(window.kernel) > 1:
            yield (replace(self, padding="same"),)  # type: ignore[type-var]
        if max(window.strides) > 1:
            yield (replace(self, strides=1),)  # type: ignore[type-var]
