"""fp32 or bf16: raced on the real network, checked against fp32, never assumed.

bf16 halves the memory traffic and, on processors with matrix units for it, multiplies the speed of
convolutions; on others it is emulated and hundreds of times slower. Some combinations of kernel
and stride are also computed wrongly by some builds. So each training starts with about a second
of truth.
"""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convwise.model.modules import Dropout

Precision = Literal["fp32", "bf16"]
Tune = Callable[[nn.Module, torch.dtype], None]

RACE_SECONDS = 0.4
PROBE_IMAGES = 4
TOO_SLOW = 4.0
LOGIT_TOLERANCE = 0.15
GRADIENT_TOLERANCE = 0.3


@dataclass(frozen=True)
class Contender:
    """How one precision did.

    ``images_per_second`` is that of whole training steps, or of the probe where ``verdict`` says
    that the probe was lost; ``relative_error`` compares logits with fp32's (norm of the
    difference over the norm), and is None where they were not compared.
    """

    precision: Precision
    images_per_second: float
    relative_error: float | None
    verdict: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Race:
    """The precision that was chosen, and why."""

    chosen: Precision
    contenders: tuple[Contender, ...]

    @property
    def speed(self) -> float:
        """Images per second of the chosen precision; 0 where there was no race."""
        return next(
            each.images_per_second for each in self.contenders if each.precision == self.chosen
        )

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


def computing_in(precision: Precision) -> contextlib.AbstractContextManager[Any]:
    """Return the context in which a network's forward pass runs in ``precision``."""
    if precision == "bf16":
        return torch.autocast("cpu", dtype=torch.bfloat16)
    return contextlib.nullcontext()


def race(
    network: nn.Module, images: Tensor, labels: Tensor, tune: Tune = lambda network, number: None
) -> Race:
    """Time training steps in fp32 and in bf16 on a copy of the network, and compare their results.

    Args:
        network: the network about to be trained; it is not changed.
        images: one real batch, float32 (batch, channels, height, width).
        labels: int64 (batch,).
        tune: prepares a network for a type of number before it is timed with it.

    Returns:
        The faster precision whose logits and gradients agree with fp32's, with all timings.
    """
    arena = _without_dropout(copy.deepcopy(network))
    tune(arena, torch.float32)
    few_images, few_labels = images[:PROBE_IMAGES], labels[:PROBE_IMAGES]
    fp32_probe = _seconds(lambda: _step(arena, few_images, few_labels, "fp32"), budget=0.0)
    bf16_probe = _seconds(lambda: _step(arena, few_images, few_labels, "bf16"), budget=0.0)
    fp32 = Contender("fp32", _speed(arena, images, labels, "fp32"), 0.0, "reference")
    if bf16_probe > TOO_SLOW * fp32_probe:
        ratio = bf16_probe / fp32_probe
        verdict = f"{ratio:.0f} times slower than fp32 on {len(few_labels)} images"
        lost = Contender("bf16", len(few_labels) / bf16_probe, None, verdict)
        return Race("fp32", (fp32, lost))
    tune(arena, torch.bfloat16)
    logit_error, gradient_error = _disagreement(arena, images, labels)
    speed = _speed(arena, images, labels, "bf16")
    if not (logit_error <= LOGIT_TOLERANCE and gradient_error <= GRADIENT_TOLERANCE):
        verdict = f"results differ from fp32 (gradients by {gradient_error:.0%})"
    else:
        verdict = "faster" if speed > fp32.images_per_second else "slower"
    bf16 = Contender("bf16", speed, logit_error, verdict)
    return Race("bf16" if verdict == "faster" else "fp32", (fp32, bf16))


def time_trial(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    precision: Precision,
    tune: Tune = lambda network, number: None,
) -> Race:
    """Time training steps in the precision that was asked for; arguments as for :func:`race`."""
    arena = _without_dropout(copy.deepcopy(network))
    tune(arena, torch.float32)
    if precision == "bf16":
        tune(arena, torch.bfloat16)
    speed = _speed(arena, images, labels, precision)
    return Race(precision, (Contender(precision, speed, None, "as asked"),))


def _without_dropout(network: nn.Module) -> nn.Module:
    network.train()
    for module in network.modules():
        if isinstance(module, Dropout):
            module.eval()
    return network


def _step(network: nn.Module, images: Tensor, labels: Tensor, precision: Precision) -> Tensor:
    network.zero_grad(set_to_none=True)
    with computing_in(precision):
        logits: Tensor = network(images)
    F.cross_entropy(logits.float(), labels).backward()  # type: ignore[no-untyped-call]
    return logits.detach().float()


def _seconds(work: Callable[[], object], budget: float) -> float:
    """Return the fastest of several runs after one that warms up, within about ``budget``."""
    work()
    fastest, spent = float("inf"), 0.0
    while True:
        start = time.perf_counter()
        work()
        took = time.perf_counter() - start
        fastest, spent = min(fastest, took), spent + took
        if spent >= budget:
            return fastest


def _speed(network: nn.Module, images: Tensor, labels: Tensor, precision: Precision) -> float:
    return len(labels) / _seconds(
        lambda: _step(network, images, labels, precision), budget=RACE_SECONDS
    )


def _disagreement(network: nn.Module, images: Tensor, labels: Tensor) -> tuple[float, float]:
    """Return the relative error of bf16's logits, and the largest one of a kernel's gradient."""
    logits, gradients = {}, {}
    for precision in ("fp32", "bf16"):
        logits[precision] = _step(network, images, labels, precision)
        gradients[precision] = [
            weight.grad.detach().clone()
            for weight in network.parameters()
            if weight.grad is not None and weight.ndim > 1
        ]
    worst = max(
        (
            _relative(ours, reference)
            for ours, reference in zip(gradients["bf16"], gradients["fp32"], strict=True)
        ),
        default=0.0,
    )
    return _relative(logits["bf16"], logits["fp32"]), worst


def _relative(ours: Tensor, reference: Tensor) -> float:
    norm = float(reference.norm())
    error = float((ours - reference).norm()) / norm if norm else 0.0
    return error if error == error else float("inf")
