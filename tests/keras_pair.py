"""A layer of ours beside Keras's, with one set of weights and one input."""

from __future__ import annotations

import math
from typing import Any

import keras
import torch
from torch import Tensor, nn

from convwise.design import (
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Flatten,
    Layer,
    Network,
    Row,
    Shape,
    plan,
)
from convwise.model.lower import lower
from keras_twin import (
    channels_first,
    channels_last,
    drawn,
    give_weights,
    gradients,
    keras_kernel,
    twin,
)

IMAGES = 2
FORWARD, BACKWARD = 1e-5, 1e-4


def row_of(layer: Layer, shape: Shape) -> Row:
    """Return the layer's row behind one that makes the shape of an image."""
    *sides, channels = shape
    image = (*sides, 1) if sides else (1, channels, 1)
    first: Layer = Conv2D(channels, 1) if sides else Flatten()
    return plan(Network((first, layer)), image, 2).rows[1]  # type: ignore[arg-type]


class UnevenAverage:
    """Keras's average pooling with ``same`` where the padding is uneven, by the definition.

    Keras 3.15 on torch repeats the map's last row or column there and counts it as if it were of
    the map (a test below shows it). Keras on TensorFlow does not, and it gave what we give in all
    75 of the poolings here with ``same``. So the mean of each window is taken as the sum of the
    map's values over their number, both by Keras's ``valid`` pooling of a map padded with zeros.
    """

    trainable_weights: tuple[Any, ...] = ()

    def __init__(self, layer: AveragePooling2D, shape: Shape) -> None:
        window = layer.window()
        sizes = zip(shape[:2], window.kernel, window.strides, strict=True)
        self.pads = [uneven_pads(*axis) for axis in sizes]
        self.pool = keras.layers.AveragePooling2D(window.kernel, window.strides, "valid")

    def __call__(self, x: Any) -> Any:
        pad = keras.layers.ZeroPadding2D(self.pads)
        return self.pool(pad(x)) / self.pool(pad(keras.ops.ones_like(x)))


def uneven_pads(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TensorFlow's rule: as many windows as strides fit, the odd zero after the map."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, math.ceil(total / 2)


def is_uneven_average(layer: Layer, shape: Shape) -> bool:
    if not isinstance(layer, AveragePooling2D) or layer.padding == "valid":
        return False
    return any(before != after for before, after in UnevenAverage(layer, shape).pads)


class Pair:
    """A module of ours and Keras's layer, with the same weights and input."""

    def __init__(self, layer: Layer, shape: Shape, *, images: int = IMAGES, seed: int = 0) -> None:
        self.layer, self.row = layer, row_of(layer, shape)
        self.generator = torch.Generator().manual_seed(seed)
        self.ours: nn.Module = lower(self.row).eval()
        drawn(self.ours.state_dict(), self.generator)
        if is_uneven_average(layer, shape):
            self.theirs: Any = UnevenAverage(layer, shape)  # type: ignore[arg-type]
        else:
            self.theirs = twin(layer)
            self.theirs.build((None, *shape))
            give_weights(layer, self.ours.state_dict(), self.theirs)
        self.shape = (images, *shape)

    def numbers(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator)

    def differences(self, x: Tensor, *, training: bool = False) -> list[str]:
        """Run both forwards and backwards on a channels-last input; say what differs."""
        mine, yours = (x.clone().requires_grad_() for _ in range(2))
        self.ours.train(training).zero_grad()
        arguments = {"training": training} if isinstance(self.layer, BatchNormalization) else {}
        for variable in self.theirs.trainable_weights:
            variable.value.grad = None
        our_output = channels_last(self.ours(channels_first(mine)))
        weighted = self.numbers(tuple(our_output.shape))
        (our_output * weighted).sum().backward()
        # Keras hands strided 1×1 convolutions to torch, and oneDNN's (torch 2.13) write beyond
        # their memory on the way back; ours are computed in another way. Torch's own code is sound.
        with torch.backends.mkldnn.flags(enabled=False):
            their_output = self.theirs(yours, **arguments)
            if our_output.shape != their_output.shape:
                return [f"shape {tuple(our_output.shape)} for {tuple(their_output.shape)}"]
            (their_output * weighted).sum().backward()
        assert mine.grad is not None
        assert yours.grad is not None
        compared = [
            ("output", our_output, their_output, FORWARD),
            ("input gradient", mine.grad, yours.grad, BACKWARD),
        ]
        wanted = gradients(self.theirs)
        for name, parameter in self.ours.named_parameters():
            assert parameter.grad is not None
            found = keras_kernel(self.layer, name, parameter.grad)
            compared.append((f"{name} gradient", found, wanted.pop(name), BACKWARD))
        assert not wanted
        return [
            f"{what} by {float((found - expected).detach().abs().max()):.2g}"
            for what, found, expected, tolerance in compared
            if not torch.allclose(found, expected, rtol=tolerance, atol=tolerance)
        ]
