"""Activation: a fixed function of each value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any, ClassVar

from convwise.design.arguments import Choice, about
from convwise.design.layer import Layer, Shape

ACTIVATIONS = (
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "gelu",
    "silu",
    "tanh",
    "sigmoid",
    "softmax",
)

# What Keras 3 takes when an activation is given by its name.
LEAKY_RELU_SLOPE = 0.2
ELU_ALPHA = 1.0

# Keras takes both names for one function.
ALIASES = (("swish", "silu"),)

OPTIONAL_ACTIVATION = Choice(ACTIVATIONS, optional=True, aliases=ALIASES)


@dataclass(frozen=True)
class Activation(Layer):
    """An activation as a layer of its own.

    Source: Keras 3: ``leaky_relu`` has slope 0.2 below zero, ``elu`` has alpha 1, ``gelu`` is the
    exact one, and ``softmax`` runs over the channels.

    Args:
        activation: one of relu, relu6, leaky_relu, elu, gelu, silu (also called swish), tanh,
            sigmoid, softmax.

    Raises:
        DesignError: the name is not known.

    Example:
        >>> Activation("relu").output_shape((28, 28, 32))
        (28, 28, 32)
    """

    stem: ClassVar[str] = "activation"
    word: ClassVar[str] = "activation"

    activation: str = field(metadata=about(Choice(ACTIVATIONS, aliases=ALIASES), positional=True))

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the input's shape."""
        return input_shape

    def other_flops(self, input_shape: Shape) -> int:
        """Return one a value."""
        return prod(input_shape)

    @classmethod
    def words(cls) -> Mapping[str, Mapping[str, Any]]:
        """Return the activations themselves: ``relu`` is a layer."""
        names = {name: name for name in ACTIVATIONS} | dict(ALIASES)
        return {word: {"activation": name} for word, name in names.items()}

    @property
    def spelling(self) -> str:
        """The activation's name."""
        return self.activation
