"""Each layer's kernel against torch, on the shapes of the real network.

What is quicker depends on the processor, the shape, the type of number and the number of threads.
So nothing is assumed: before a training, every layer that can be computed in two ways is timed in
both, forward and backward, on numbers of its own shape. Layers that are alike are timed once. A
kernel whose results are not torch's is not used, however quick it is.

The outcome is kept for this processor, these versions and this number of threads. That saves the
seconds of the race, and it is what makes a repeated run give the same bits: a second race might
choose otherwise where both ways are about equally quick, and sums that are added in another order
are rounded otherwise.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from convwise.model.modules.raced import Raced
from convwise.model.outcomes import Outcomes, outcomes_file
from convwise.model.random_batch import random_batch

PAIRS = 7
SECONDS = 0.15
MARGIN = 0.97
# Of the largest value, by the number of bits that a type keeps.
TOLERANCES = {torch.float32: 1e-4, torch.bfloat16: 0.03}

Winner = Literal["kernel", "torch"]


@dataclass(frozen=True)
class Heat:
    """How one layer, or several that are alike, did in both ways.

    Args:
        layers: their names.
        shape: of the input.
        number: its type, for example ``float32``.
        torch_ms: milliseconds forward and backward, the quickest of some.
        kernel_ms: the same of the kernel.
        winner: which way is used.
        reason: why, in a few words.
    """

    layers: tuple[str, ...]
    shape: tuple[int, ...]
    number: str
    torch_ms: float
    kernel_ms: float
    winner: Winner
    reason: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return dataclasses.asdict(self) | {"layers": list(self.layers), "shape": list(self.shape)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Heat:
        """Return what :meth:`to_dict` made.

        Raises:
            TypeError: a value is missing or left over.
        """
        lists = {"layers": tuple(values["layers"]), "shape": tuple(values["shape"])}
        return cls(**values | lists)


def use_winners(network: nn.Module, heats: Sequence[Heat]) -> None:
    """Let a network use the kernels that have won before, and those that need not race."""
    for name, module in network.named_modules():
        if isinstance(module, Raced):
            module.kernel_types = frozenset(
                number
                for number in TOLERANCES
                if not module.raced
                or any(
                    name in heat.layers
                    and heat.winner == "kernel"
                    and heat.number == str(number).removeprefix("torch.")
                    for heat in heats
                )
            )


class LayerRace:
    """The race of all layers of one network; only where ``kernels.available()``.

    Args:
        network: about to be trained; it is not changed before :meth:`apply`.
        images: one real batch, float32 (batch, channels, height, width).
        notes: the file in which outcomes are kept; None for the user's cache.

    Attributes:
        heats: those that were run.
        seconds_of_compiling: which the runs took besides, for kernels that were not kept yet.

    Example:
        >>> from convwise.design.plan import plan
        >>> from convwise.model.build import build
        >>> network = build(plan("conv 4 3 same relu | maxpool 2 | flatten | dense classes",
        ...                      "8x8x1", 2))
        >>> race = LayerRace(network, torch.zeros(4, 1, 8, 8))
        >>> [layers for layers, _ in race.groups.values()]
        [['pool1'], ['conv1+pool1']]
    """

    def __init__(self, network: nn.Module, images: Tensor, notes: Path | None = None) -> None:
        self._arena = copy.deepcopy(network).train()
        self._modules = {
            name: module
            for name, module in self._arena.named_modules()
            if isinstance(module, Raced)
        }
        self.groups = self._alike(images)
        self._notes = Outcomes(notes or outcomes_file("kernels"), _checked)
        self.heats: list[Heat] = []
        self.seconds_of_compiling = 0.0
        self._winners: dict[str, set[torch.dtype]] = {name: set() for name in self._modules}

    def run(self, network: nn.Module, number: torch.dtype) -> None:
        """Race every layer for one type of number, and let ``network`` use the winners."""
        from convwise.kernels.parallel import seconds_of_compiling

        before = seconds_of_compiling()
        for name, module in self._modules.items():
            if not module.raced:
                self._winners[name].add(number)
        for key, (names, shape) in self.groups.items():
            heat = self._heat(key, names, shape, number)
            if heat not in self.heats:
                self.heats.append(heat)
            if heat.winner == "kernel":
                for name in names:
                    self._winners[name].add(number)
                    self._modules[name].kernel_types = frozenset(self._winners[name])
        self.seconds_of_compiling += seconds_of_compiling() - before
        self.apply(network)

    def apply(self, network: nn.Module) -> None:
        """Let a network of the same plan use the kernels that have won so far."""
        for name, module in network.named_modules():
            if isinstance(module, Raced):
                module.kernel_types = frozenset(self._winners[name])

    def _alike(self, images: Tensor) -> dict[str, tuple[list[str], tuple[int, ...]]]:
        """Return a description of each kind of layer → names and input shape of its layers."""
        shapes: dict[str, tuple[int, ...]] = {}

        def noting(name: str) -> Callable[..., None]:
            def note(module: nn.Module, inputs: tuple[Any, ...]) -> None:
                shapes[name] = (len(images), *inputs[0].shape[1:])

            return note

        hooks = [
            module.register_forward_pre_hook(noting(name))
            for name, module in self._modules.items()
            if module.raced
        ]
        with torch.no_grad():
            self._arena(images[:2])
        for hook in hooks:
            hook.remove()
        groups: dict[str, tuple[list[str], tuple[int, ...]]] = {}
        # Not in the order in which they ran: what is made of other raced layers comes after these.
        for name in filter(shapes.__contains__, self._modules):
            shape = shapes[name]
            key = f"{self._modules[name].race_key()} {'x'.join(map(str, shape))}"
            groups.setdefault(key, ([], shape))[0].append(name)
        return groups

    def _heat(
        self, key: str, names: list[str], shape: tuple[int, ...], number: torch.dtype
    ) -> Heat:
        kind = str(number).removeprefix("torch.")
        known = self._notes.known.get(f"{key} {kind}")
        if known is None:
            outcome = _outcome(self._modules[names[0]], shape, number)
            known = self._notes.keep(f"{key} {kind}", outcome)
        elif known[2] == "kernel":
            _compile(self._modules[names[0]], shape, number)
        return Heat(tuple(names), shape, kind, *known)


Outcome = tuple[float, float, Winner, str]
FEW = 2


def _compile(module: Raced, shape: tuple[int, ...], number: torch.dtype) -> None:
    """Run a kernel that has won before on a few images.

    Its outcome may be kept while what was compiled is not, or was for another copy of convwise; a
    training would else compile it in its first step, in the time that was to be spent on learning.
    """
    inputs = module.race_inputs((min(FEW, shape[0]), *shape[1:]), number)
    if not module.kernel_fits(*(each.detach() for each in inputs)):
        return
    with _computing_in(number):
        y = module.by_kernel(*inputs)
        _values(module, module.by_kernel, inputs, torch.zeros_like(y))


def _outcome(module: Raced, shape: tuple[int, ...], number: torch.dtype) -> Outcome:
    """Return milliseconds by torch and by the kernel, the winner, and why it won."""
    inputs = module.race_inputs(shape, number)
    if not module.kernel_fits(*(each.detach() for each in inputs)):
        return 0.0, 0.0, "torch", "no kernel for this layer"
    reference = torch.float32 if module.sums_in_float32 else number
    try:
        with _computing_in(number):
            slope = random_batch(module.by_kernel(*inputs).shape, seed=module.inputs).to(number)
            ours = _values(module, module.by_kernel, inputs, slope)
        with _computing_in(reference):
            theirs = _values(module, module.by_torch, inputs, slope.to(reference))
    except Exception as error:  # a kernel that cannot be compiled here must not end a training
        return 0.0, 0.0, "torch", f"the kernel failed ({type(error).__name__}: {error})"
    worst = max(_difference(a, b) for a, b in zip(ours, theirs, strict=True))
    if not worst <= TOLERANCES[number]:
        return 0.0, 0.0, "torch", f"the kernel's results differ by {worst:.2g}"
    with _computing_in(number):
        by_torch, by_kernel = _milliseconds(module, inputs, slope)
    if by_kernel < MARGIN * by_torch:
        return by_torch, by_kernel, "kernel", f"{by_torch / by_kernel:.1f} times as fast"
    return by_torch, by_kernel, "torch", "the kernel is no faster"


def _computing_in(number: torch.dtype) -> contextlib.AbstractContextManager[Any]:
    """Return the context of a training step in this type."""
    if number == torch.bfloat16:
        # Each round casts the weights anew, as each step of a training does.
        return torch.autocast("cpu", dtype=number, cache_enabled=False)
    return contextlib.nullcontext()


def _values(
    module: Raced, way: Callable[..., Tensor], inputs: list[Tensor], slope: Tensor
) -> list[Tensor]:
    """Return a layer's result, and the gradients that its kernel computes."""
    y = way(*inputs)
    leaves = [*(each for each in inputs if each.requires_grad), *module.weights()]
    return [y.detach(), *torch.autograd.grad(y, leaves, slope)]


def _difference(ours: Tensor, theirs: Tensor) -> float:
    scale = float(theirs.float().abs().max()) or 1.0
    return float((ours.float() - theirs.float()).abs().max()) / scale


def _milliseconds(module: Raced, inputs: list[Tensor], slope: Tensor) -> tuple[float, float]:
    """Return the quickest rounds of torch and of the kernel; they take turns and share noise."""
    best = [float("inf")] * 2
    begun = time.perf_counter()
    for _ in range(PAIRS):
        for place, way in enumerate((module.by_torch, module.by_kernel)):
            start = time.perf_counter()
            _values(module, way, inputs, slope)
            best[place] = min(best[place], 1e3 * (time.perf_counter() - start))
        if time.perf_counter() - begun > SECONDS:
            break
    return best[0], best[1]


def _checked(value: Any) -> Outcome:
    by_torch, by_kernel, winner, reason = value
    if winner not in ("kernel", "torch"):
        raise ValueError(f"{winner!r} is no winner")
    return float(by_torch), float(by_kernel), cast(Winner, winner), str(reason)
