"""fp32 or bf16: raced on the real network, checked against fp32, never assumed.

bf16 halves the memory traffic and, on processors with matrix units for it, multiplies the speed of
convolutions; on others it is emulated and hundreds of times slower. Some combinations of kernel
and stride are also computed wrongly by some builds. So each training starts with about a second
of truth: first layer by layer (``layer_precision``), then for the whole network, in fp32 against
bf16 with those layers in fp32 that lost. On a GPU whole networks race, in fp32 against its own half
precision, after fp32 there has been compared with fp32 on the processor.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules import Dropout
from convwise.training.computing import (
    PROBE_IMAGES,
    TOO_SLOW,
    Precision,
    computing_in,
    relative_error,
)
from convwise.training.device import wait_for
from convwise.training.layer_precision import LayerHeat, use_layers

__all__ = [
    "Contender",
    "Precision",
    "Race",
    "Tune",
    "computing_in",
    "disagreement_with_processor",
    "race",
    "time_trial",
]

Tune = Callable[[nn.Module, torch.dtype], None]

RACE_SECONDS = 0.3
PROBES = 3
LOGIT_TOLERANCE = 0.15
GRADIENT_TOLERANCE = 0.3
# fp16 has no number for gradients that are smaller than 6e-8.
FP16_SCALE = 1024.0


@dataclass(frozen=True)
class Contender:
    """How one precision did.

    ``images_per_second`` is that of whole training steps, or of the probe where ``verdict`` says
    that the probe was lost, and None where it was not timed; ``relative_error`` compares logits
    with fp32's (norm of the difference over the norm), and is None where they were not compared.
    """

    precision: Precision
    images_per_second: float | None
    relative_error: float | None
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Race:
    """The precision that was chosen, and why; and how each layer did, where they were raced."""

    chosen: Precision
    contenders: tuple[Contender, ...]
    layers: tuple[LayerHeat, ...] = ()

    @property
    def speed(self) -> float:
        """Images per second of the chosen precision; 0 where there was no race."""
        speeds = (one.images_per_second for one in self.contenders if one.precision == self.chosen)
        return next(speeds) or 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"chosen": self.chosen, "race": [each.to_dict() for each in self.contenders]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Race:
        """Return what :meth:`to_dict` made.

        Raises:
            KeyError, TypeError: a value is missing or left over.
        """
        return cls(values["chosen"], tuple(Contender(**each) for each in values["race"]))


def race(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    tune: Tune = lambda network, number: None,
    layers: tuple[LayerHeat, ...] = (),
    half: Precision = "bf16",
) -> Race:
    """Time training steps in fp32 and in bf16 on a copy of the network, and compare their results.

    Args:
        network: the network about to be trained; it is not changed.
        images: one real batch, float32 (batch, channels, height, width), where the network is.
        labels: int64 (batch,).
        tune: prepares a network for a type of number before it is timed with it.
        layers: which of them stay in fp32 where the network computes in bf16.
        half: what fp32 is raced against, if not bf16.

    Returns:
        The faster precision whose logits and gradients agree with fp32's, with all timings.
    """
    arena = _without_dropout(copy.deepcopy(network))
    use_layers(layers, arena)
    tune(arena, torch.float32)
    lost = _lost_at_once(arena, images[:PROBE_IMAGES], labels[:PROBE_IMAGES], layers, half)
    if lost is not None:
        speed = _speeds(arena, images, labels, ("fp32",))["fp32"]
        return Race("fp32", (Contender("fp32", speed, 0.0, "reference"), lost), layers)
    tune(arena, torch.bfloat16)
    logit_error, gradient_error = _disagreement(
        _results(arena, images, labels, half), _results(arena, images, labels, "fp32")
    )
    speeds = _speeds(arena, images, labels, ("fp32", half))
    if not (logit_error <= LOGIT_TOLERANCE and gradient_error <= GRADIENT_TOLERANCE):
        verdict = f"results differ from fp32 (gradients by {100 * gradient_error:.0f} %)"
    else:
        verdict = "faster" if speeds[half] > speeds["fp32"] else "slower"
    contenders = (
        Contender("fp32", speeds["fp32"], 0.0, "reference"),
        Contender(half, speeds[half], logit_error, verdict),
    )
    return Race(half if verdict == "faster" else "fp32", contenders, layers)


def time_trial(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    precision: Precision,
    tune: Tune = lambda network, number: None,
    layers: tuple[LayerHeat, ...] = (),
) -> Race:
    """Time training steps in the precision that was asked for; arguments as for :func:`race`."""
    arena = _without_dropout(copy.deepcopy(network))
    use_layers(layers, arena)
    tune(arena, torch.float32)
    if precision == "bf16":
        tune(arena, torch.bfloat16)
    speed = _speeds(arena, images, labels, (precision,))[precision]
    return Race(precision, (Contender(precision, speed, None, "as asked"),), layers)


def _without_dropout(network: nn.Module) -> nn.Module:
    network.train()
    for module in network.modules():
        if isinstance(module, Dropout):
            module.eval()
    return network


def _step(network: nn.Module, images: Tensor, labels: Tensor, precision: Precision) -> Tensor:
    network.zero_grad(set_to_none=True)
    with computing_in(precision, images.device.type):
        logits: Tensor = network(images)
    scale = FP16_SCALE if precision == "fp16" else 1.0
    (scale * F.cross_entropy(logits.float(), labels)).backward()  # type: ignore[no-untyped-call]
    if scale != 1.0:
        for weight in network.parameters():
            weight.grad = None if weight.grad is None else weight.grad / scale
    wait_for(images.device)
    return logits.detach().float()


def _lost_at_once(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    layers: tuple[LayerHeat, ...],
    half: Precision,
) -> Contender | None:
    """Return how bf16 did where a few images, or the layers, show already that it loses."""
    if layers and all(heat.chosen == "fp32" for heat in layers):
        return Contender(half, None, None, f"no layer is faster in {half}")
    seconds: dict[Precision, float] = {"fp32": float("inf"), half: float("inf")}
    for number in range(1 + PROBES):
        for precision in seconds:
            start = time.perf_counter()
            _step(network, images, labels, precision)
            if number:  # the first round warms up
                seconds[precision] = min(seconds[precision], time.perf_counter() - start)
    ratio = seconds[half] / seconds["fp32"]
    if not ratio > TOO_SLOW:
        return None
    verdict = f"{ratio:.0f} times slower than fp32 on {len(labels)} images"
    return Contender(half, len(labels) / seconds[half], None, verdict)


def _speeds(
    network: nn.Module, images: Tensor, labels: Tensor, precisions: tuple[Precision, ...]
) -> dict[Precision, float]:
    """Return images per second in each precision; they take turns and share noise."""
    fastest = dict.fromkeys(precisions, float("inf"))
    for precision in precisions:
        _step(network, images, labels, precision)
    spent = 0.0
    while spent < RACE_SECONDS * len(precisions):
        for precision in precisions:
            start = time.perf_counter()
            _step(network, images, labels, precision)
            took = time.perf_counter() - start
            fastest[precision], spent = min(fastest[precision], took), spent + took
    return {precision: len(labels) / seconds for precision, seconds in fastest.items()}


def disagreement_with_processor(
    network: nn.Module, images: Tensor, labels: Tensor
) -> tuple[float, float]:
    """Compare a step in fp32 where the network is with the same step on the processor.

    Args:
        network: on a GPU; it is not changed.
        images, labels: as for :func:`race`.

    Returns:
        The relative error of the logits, and the largest one of a kernel's gradient.
    """
    arena = _without_dropout(copy.deepcopy(network))
    with _full_fp32():
        here = _results(arena, images, labels, "fp32")
    arena.load_state_dict(network.state_dict())
    return _disagreement(here, _results(arena.cpu(), images.cpu(), labels.cpu(), "fp32"))


@contextlib.contextmanager
def _full_fp32() -> Iterator[None]:
    """Let NVIDIA's GPUs multiply with all bits of a factor, where 11 of 24 are usual."""
    usual = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = usual


_Results = tuple[Tensor, list[Tensor]]


def _results(network: nn.Module, images: Tensor, labels: Tensor, precision: Precision) -> _Results:
    """Return the logits of a step and the gradients of all kernels, on the processor."""
    logits = _step(network, images, labels, precision)
    gradients = [
        weight.grad.detach().cpu().clone()
        for weight in network.parameters()
        if weight.grad is not None and weight.ndim > 1
    ]
    return logits.cpu(), gradients


def _disagreement(ours: _Results, reference: _Results) -> tuple[float, float]:
    """Return the relative error of the logits, and the largest one of a kernel's gradient."""
    gradients = zip(ours[1], reference[1], strict=True)
    worst = max((relative_error(*pair) for pair in gradients), default=0.0)
    return relative_error(ours[0], reference[0]), worst
