"""fp32 or bf16, layer by layer.

Where bf16 is quicker for a network, it is not for each of its layers: a first convolution over one
channel, say, may lose more by its casts than it gains. And some builds of torch compute some
convolutions wrongly in bf16: with one input channel and an even kernel, or with strides larger than
the kernel. So each kind of layer with weighted sums is raced on its real shape, forward and
backward, with results and gradients compared with fp32's. One that errs or loses stays in fp32.

Both are timed as they run inside a network that computes in bf16: in bf16 the weights are cast for
each step; in fp32 what comes in and what goes out. Layers that are alike are raced once, and the
outcome is kept (``convwise.model.outcomes``), because it decides the bits of the training.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from torch import Tensor, nn

from convwise.model.modules import Convolution, Weighted
from convwise.model.outcomes import Outcomes, outcomes_file
from convwise.model.random_batch import random_batch
from convwise.training.computing import (
    PROBE_IMAGES,
    TOO_SLOW,
    Precision,
    computing_in,
    relative_error,
)
from convwise.training.out_of_memory import is_out_of_memory

LARGEST_BATCH = 128
# At least so many, so that a stall of the machine decides nothing; then more, up to the limits.
FEWEST_PAIRS, MOST_PAIRS = 3, 7
SECONDS = 0.05
# Rounding to bf16 leaves 0.001 to 0.003, whatever the layer.
TOLERANCE = 0.01


@dataclass(frozen=True)
class LayerHeat:
    """How one layer, or several that are alike, did in both precisions.

    Args:
        layers: their names.
        shape: of the input.
        fp32_ms: milliseconds forward and backward, the quickest of some; 0 where not timed.
        bf16_ms: likewise.
        error: of bf16's result and gradients, the largest norm of a difference over the norm;
            None where they were not compared, or are no numbers.
        chosen: which precision is used where the network computes in bf16.
        reason: why, in a few words.
    """

    layers: tuple[str, ...]
    shape: tuple[int, ...]
    fp32_ms: float
    bf16_ms: float
    error: float | None
    chosen: Precision
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dataclasses.asdict(self) | {"layers": list(self.layers), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> LayerHeat:
        """Return what :meth:`to_dict` made.

        Raises:
            KeyError, TypeError: a value is missing or left over.
        """
        lists = {"layers": tuple(values["layers"]), "shape": tuple(values["shape"])}
        return cls(**values | lists)


def race_layers(
    network: nn.Module, images: Tensor, notes: Path | None = None
) -> tuple[LayerHeat, ...]:
    """Race the precisions for each kind of layer with weighted sums.

    Args:
        network: about to be trained; it is not changed.
        images: one real batch, float32 (batch, channels, height, width).
        notes: the file in which outcomes are kept; None for the user's cache.

    Example:
        >>> import torch
        >>> from convwise.design.plan import plan
        >>> from convwise.model.build import build
        >>> network = build(plan("conv 4 3 relu | conv 4 3 | conv 4 3 | flatten | dense classes",
        ...                      "12x12x3", 2))
        >>> [heat.layers for heat in race_layers(network, torch.zeros(4, 3, 12, 12))]
        [('conv1',), ('conv2',), ('conv3',), ('dense1',)]
    """
    arena = copy.deepcopy(network).eval()
    kinds = _alike(arena, images)
    outcomes = Outcomes(notes or outcomes_file("precision"), _checked)
    emulated = None
    heats = []
    for key, kind in kinds.items():
        known = outcomes.known.get(key)
        if known is None:
            emulated = _slowness() if emulated is None else emulated
            module = cast(Weighted, arena.get_submodule(kind.layers[0]))
            known = outcomes.keep(key, _outcome(module, kind, emulated))
        heats.append(LayerHeat(tuple(kind.layers), kind.shape, *known))
    return tuple(heats)


def use_layers(heats: tuple[LayerHeat, ...], network: nn.Module) -> None:
    """Let each layer of a network of the same plan compute in the precision chosen for it."""
    for heat in heats:
        for name in heat.layers:
            cast(Weighted, network.get_submodule(name)).in_fp32 = heat.chosen == "fp32"


class _Kind(NamedTuple):
    layers: list[str]
    shape: tuple[int, ...]
    # A first layer's input is float32 and needs no gradient.
    first: bool


_Outcome = tuple[float, float, float | None, Precision, str]


def _alike(arena: nn.Module, images: Tensor) -> dict[str, _Kind]:
    """Return a description of each kind of layer → its layers and their input."""
    kinds: dict[str, _Kind] = {}
    batch = min(len(images), LARGEST_BATCH)

    def noting(name: str) -> Callable[..., None]:
        def note(module: Weighted, inputs: tuple[Tensor, ...]) -> None:
            shape, first = (batch, *inputs[0].shape[1:]), not inputs[0].requires_grad
            key = f"{module.sum_key()} {'x'.join(map(str, shape))}{' first' if first else ''}"
            kinds.setdefault(key, _Kind([], shape, first)).layers.append(name)

        return note

    hooks = [
        module.register_forward_pre_hook(noting(name))
        for name, module in arena.named_modules()
        if isinstance(module, Weighted)
    ]
    arena(images[:2])
    for hook in hooks:
        hook.remove()
    return kinds


def _slowness() -> float:
    """Return how many times longer a small convolution takes in bf16: many, where it is emulated.

    So a processor without bf16 costs milliseconds, and not a run of each layer by emulation.
    """
    layer = Convolution((16, 16, 3, 3), pad=(1, 1, 1, 1))
    nn.init.constant_(layer.kernel, 0.1)
    x = random_batch((PROBE_IMAGES, 16, 14, 14), seed=0).bfloat16()
    fp32, bf16 = _milliseconds(layer, x, x)
    return bf16 / fp32 if fp32 else 1.0


def _outcome(module: Weighted, kind: _Kind, slowness: float) -> _Outcome:
    """Return milliseconds in fp32 and in bf16, bf16's error, what is chosen, and why."""
    if slowness > TOO_SLOW:
        return 0.0, 0.0, None, "fp32", f"bf16 is {slowness:.0f} times slower here"
    x = random_batch(kind.shape, seed=0)
    x = x if kind.first else x.bfloat16().requires_grad_()
    try:
        with computing_in("bf16"):
            slope = random_batch(module.summed(x).shape, seed=1).bfloat16()
        few = (x.detach()[:PROBE_IMAGES].requires_grad_(x.requires_grad), slope[:PROBE_IMAGES])
        fp32, bf16 = _milliseconds(module, *few)
        if bf16 > TOO_SLOW * fp32:
            return 0.0, 0.0, None, "fp32", f"bf16 is {bf16 / fp32:.0f} times slower on few images"
        error = _error(module, x, slope)
        if not error <= TOLERANCE:
            told = f"bf16's results differ by {error:.2g}"
            return 0.0, 0.0, error if math.isfinite(error) else None, "fp32", told
        fp32, bf16 = _milliseconds(module, x, slope)
    except RuntimeError as error:  # what cannot be computed here must not end a training
        if is_out_of_memory(error):
            raise
        return 0.0, 0.0, None, "fp32", f"bf16 failed ({error})"
    if bf16 < fp32:
        return fp32, bf16, error, "bf16", f"{fp32 / bf16:.1f} times as fast"
    return fp32, bf16, error, "fp32", "bf16 is no faster"


def _error(module: Weighted, x: Tensor, slope: Tensor) -> float:
    """Return the largest relative error of bf16's result and gradients, on the same numbers."""
    module.in_fp32 = False
    ours = _values(module, x, slope, "bf16")
    exact = x.detach().float().requires_grad_(x.requires_grad)
    theirs = _values(module, exact, slope.float(), "fp32")
    return max(relative_error(a, b) for a, b in zip(ours, theirs, strict=True))


def _values(module: Weighted, x: Tensor, slope: Tensor, precision: Precision) -> list[Tensor]:
    """Return a layer's result, and the gradients of its input and weights."""
    module.zero_grad(set_to_none=True)
    x.grad = None
    with computing_in(precision):
        y = module.summed(x)
    if y.requires_grad:
        y.backward(slope)  # type: ignore[no-untyped-call]
    gradients = [each.grad for each in (x, *module.parameters()) if each.grad is not None]
    return [y.detach(), *gradients]


def _milliseconds(module: Weighted, x: Tensor, slope: Tensor) -> tuple[float, float]:
    """Return the quickest rounds in fp32 and in bf16; they take turns and share noise."""
    best = {True: math.inf, False: math.inf}
    begun = 0.0
    for number in range(1 + MOST_PAIRS):
        for in_fp32 in best:
            module.in_fp32 = in_fp32
            start = time.perf_counter()
            _values(module, x, slope, "bf16")
            if number:  # the first round warms up
                best[in_fp32] = min(best[in_fp32], 1e3 * (time.perf_counter() - start))
        if not number:
            begun = time.perf_counter()
        elif number >= FEWEST_PAIRS and time.perf_counter() - begun > SECONDS:
            break
    return best[True], best[False]


def _checked(value: Any) -> _Outcome:
    fp32, bf16, error, chosen, reason = value
    if chosen not in ("fp32", "bf16"):
        raise ValueError(f"{chosen!r} is no precision")
    error = None if error is None else float(error)
    return float(fp32), float(bf16), error, cast(Precision, chosen), str(reason)
