"""A trained network made ready to be asked: the same answers from fewer passes over memory.

What only training needs is left out, and what is affine is folded into the weights beside it
(``convwise.model.folding``): batch normalisation, and the scaling of pixels by the ImageFormat, so
that the network reads levels 0…255 as they are. Where its first convolution pads, the border is
laid around the pictures beforehand, of the level that the format scales to 0. ReLU goes behind
max-pooling, with which it commutes exactly, and is computed in place.

The trained network stays as it is; what is made of it is a copy, and does not follow it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from convwise.design.plan import Row
from convwise.image import ImageFormat
from convwise.model.build import ConvNet
from convwise.model.folding import (
    Affine,
    affine_of,
    commutes,
    convolution_of,
    with_affine_after,
    with_affine_before,
)
from convwise.model.modules import (
    Activation,
    Apply,
    AveragePool,
    BatchNorm,
    BlurPool,
    Concatenated,
    Convolution,
    Dropout,
    FixedConvolution,
    FullyConnected,
    GlobalAverage,
    MaxPool,
    ProjectionShortcut,
    ResidualSum,
    SeparableConvolution,
    Sides,
)

# What leaves these is in nobody else's hands, so it may be changed in place.
_NEW_TENSORS = (
    Affine,
    AveragePool,
    BlurPool,
    Concatenated,
    Convolution,
    FullyConnected,
    GlobalAverage,
    MaxPool,
    ResidualSum,
    SeparableConvolution,
)


@dataclass(frozen=True)
class Step:
    """One thing to compute, after the chains of its block."""

    module: nn.Module
    branches: tuple[tuple[Step, ...], ...] = ()


class PredictionNetwork(nn.Module):
    """Gives the logits of uint8 pictures; made by :func:`for_prediction`.

    Attributes:
        border: zeros that the first convolution would add, (left, right, top, bottom).
        level: what a pixel of the border is, for each channel, float32 (channels,).
        number: the type of number in which it computes, all but a dense layer at its end.
    """

    level: Tensor

    def __init__(self, chain: list[Step], border: Sides, level: Tensor) -> None:
        super().__init__()
        self._chain = tuple(chain)
        # So that the modules are seen by ``to``, ``state_dict`` and the like.
        self._steps = nn.ModuleList(_modules(chain))
        self.border = border
        self.register_buffer("level", level)
        self.number = torch.float32
        self.requires_grad_(False).eval()
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, levels: Tensor) -> Tensor:
        """(batch, channels, height, width) levels 0…255, with the border → (batch, classes)."""
        logits = _run(self._chain, levels.to(self.number))
        return logits if self.number == torch.float64 else logits.float()

    def room_for(self, pictures: int, image_format: ImageFormat) -> NDArray[np.float32]:
        """Return an array for so many pictures, whose border is drawn and whose inside is not.

        Returns:
            float32 (pictures, height, width, channels), border included.
        """
        left, right, top, bottom = self.border
        height, width, channels = image_format.shape
        shape = (pictures, height + top + bottom, width + left + right, channels)
        room = np.empty(shape, np.float32)
        if any(self.border):
            room[...] = self.level.float().cpu().numpy()
        return room

    def inside(self, room: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the part of such an array that the pictures go to."""
        left, _, top, _ = self.border
        height, width = room.shape[1] - self.border[3], room.shape[2] - self.border[1]
        return room[:, top:height, left:width]

    def in_bf16(self) -> PredictionNetwork:
        """Return a copy that computes in bf16, all but a dense layer at its end."""
        chain = list(copy.deepcopy(self._chain))
        last = [chain.pop()] if chain and isinstance(chain[-1].module, FullyConnected) else []
        for module in _modules(chain):
            module.to(torch.bfloat16)
        if last:
            chain += [Step(Apply(Tensor.float)), *last]
        made = PredictionNetwork(chain, self.border, self.level)
        made.number = torch.bfloat16
        return made


def for_prediction(network: ConvNet, image_format: ImageFormat) -> PredictionNetwork:
    """Return the network made ready to be asked about pictures in a format.

    Args:
        network: trained; it stays as it is.
        image_format: whose mean and std go into the first weights.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.model.build import build
        >>> network = build(plan("conv 4 3 same norm relu | flatten | dense classes", "8x8x1", 2))
        >>> ready = for_prediction(network, ImageFormat(8, 8, 1))
        >>> [type(step.module).__name__ for step in ready._chain]
        ['Convolution', 'Apply', 'FlattenMaps', 'FullyConnected']
        >>> ready.border
        (1, 1, 1, 1)
    """
    number = next((each.dtype for each in network.parameters()), torch.float32)
    std = torch.tensor(image_format.std, dtype=torch.float64)
    mean = torch.tensor(image_format.mean, dtype=torch.float64)
    chain = [Step(Affine(1.0 / (255.0 * std), -mean / std, number))]
    chain += _parts(network, network.plan.tree)
    _fold(chain)
    border, level = _pad_before(chain)
    _relu_in_place(chain)
    made = PredictionNetwork(chain, border, level.to(number))
    made.number = number
    return made


def _run(chain: tuple[Step, ...], x: Tensor) -> Tensor:
    for step in chain:
        ends = [_run(branch, x) for branch in step.branches]
        x = step.module(x, *ends)
    return x


def _modules(chain: list[Step] | tuple[Step, ...]) -> list[nn.Module]:
    return [
        module
        for step in chain
        for module in (*(each for b in step.branches for each in _modules(b)), step.module)
    ]


def _parts(network: ConvNet, rows: tuple[Row, ...]) -> list[Step]:
    """Take a sequence apart into steps that do one thing each; what does nothing is left out."""
    steps: list[Step] = []
    for row in rows:
        branches = tuple(tuple(_folded(network, branch)) for branch in row.branches)
        module = network.get_submodule(row.name)
        for each in _parts_of(module):
            steps.append(Step(each, branches))
            branches = ()
    return steps


def _folded(network: ConvNet, rows: tuple[Row, ...]) -> list[Step]:
    chain = _parts(network, rows)
    _fold(chain)
    _relu_in_place(chain)
    return chain


def _parts_of(module: nn.Module) -> list[nn.Module]:
    if isinstance(module, Dropout):
        return []
    if isinstance(module, ResidualSum):
        return [_plain_sum(module), *_applied(module.total.activation)]
    activation = getattr(module, "activation", None)
    parts: list[nn.Module] = []
    if isinstance(module, BatchNorm):
        parts = [affine_of(module)]
    elif isinstance(module, FixedConvolution):
        parts = [convolution_of(module)]
    elif not isinstance(module, Apply):
        made = copy.deepcopy(module)
        if activation is not None:
            made.activation = None  # type: ignore[assignment]
        parts = [made]
    return [*parts, *_applied(activation)]


def _applied(activation: Activation | None) -> list[nn.Module]:
    return [] if activation is None else [Apply(activation)]


def _plain_sum(module: ResidualSum) -> nn.Module:
    """Return the sum without its activation, with a projection that is one convolution."""
    projection = module.projection
    if isinstance(projection, ProjectionShortcut):
        return ResidualSum(with_affine_after(convolution_of(projection), affine_of(projection)))
    return ResidualSum(copy.deepcopy(projection))


def _fold(chain: list[Step]) -> None:
    """Let neighbours take up affine steps, and ReLU change places with max-pooling."""
    place = 0
    while place < len(chain):
        module = chain[place].module
        if isinstance(module, Affine) and _taken_up(chain, place, module):
            del chain[place]
            place = 0
        elif _is_relu(module) and isinstance(_at(chain, place + 1), MaxPool):
            chain[place], chain[place + 1] = chain[place + 1], chain[place]
        else:
            place += 1


def _taken_up(chain: list[Step], place: int, affine: Affine) -> bool:
    for direction, merge in ((-1, with_affine_after), (1, with_affine_before)):
        other = place + direction
        while (module := _at(chain, other)) is not None and commutes(module, affine):
            other += direction
        merged = None if module is None else merge(module, affine)
        if merged is not None:
            chain[other] = Step(merged)
            return True
    return False


def _at(chain: list[Step], place: int) -> nn.Module | None:
    """Return the module at a place of the chain; None where there is none, or a block."""
    if not 0 <= place < len(chain) or chain[place].branches:
        return None
    return chain[place].module


def _is_relu(module: nn.Module) -> bool:
    return isinstance(module, Apply) and module.activation is F.relu


def _pad_before(chain: list[Step]) -> tuple[Sides, Tensor]:
    """Let the first convolution take up the step before it, by padding the pictures instead."""
    first, second = _at(chain, 0), _at(chain, 1)
    nothing: Sides = (0, 0, 0, 0)
    if not isinstance(first, Affine) or not isinstance(second, Convolution):
        return nothing, torch.zeros(0)
    scale, shift = first.exact
    border, unpadded = second.pad, copy.copy(second)
    unpadded.pad = nothing
    if not bool((scale != 0).all()):
        return nothing, torch.zeros(0)
    merged = with_affine_before(unpadded, first)
    assert merged is not None
    chain[:2] = [Step(merged)]
    return border, -shift / scale


def _relu_in_place(chain: list[Step]) -> None:
    for place, step in enumerate(chain):
        before = chain[place - 1].module if place else None
        if _is_relu(step.module) and isinstance(before, _NEW_TENSORS):
            chain[place] = Step(Apply(torch.relu_))
