"""Another library's state dict under our names, checked tensor by tensor."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from torch import Tensor

from convwise.errors import ModelFileError

Pair = tuple[str, str]
"""A layer's name there, and its name here."""

_PLAIN = {"weight": "kernel", "bias": "bias"}
_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
_SHOWN = 3


def tensor_names(
    layers: Iterable[Pair], declared: Mapping[str, tuple[int, ...]]
) -> Iterator[tuple[str, str]]:
    """Yield torch's name and ours of every tensor of some layers, in their order.

    Args:
        layers: pairs of names.
        declared: name → shape of every tensor of our network.
    """
    for theirs, ours in layers:
        # A norm has gamma; what has none is a convolution or a dense layer, some without bias.
        # A projection holds both a convolution and a norm, the former first.
        norm = f"{ours}.gamma" in declared and not theirs.endswith("downsample.0")
        for word, own in (_NORM if norm else _PLAIN).items():
            if f"{ours}.{own}" in declared:
                yield f"{theirs}.{word}", f"{ours}.{own}"


def renamed(
    whose: str,
    names: Mapping[str, str],
    declared: Mapping[str, tuple[int, ...]],
    state: Mapping[str, Tensor],
) -> dict[str, Tensor]:
    """Return a state dict's tensors under our names.

    Counters of batches (``num_batches_tracked``) are left out, as no layer here counts them.

    Args:
        whose: names the network in messages, for example ``torchvision's vgg16``.
        names: their name → our name, of every tensor.
        declared: our name → shape.
        state: their name → tensor.

    Raises:
        ModelFileError: a key is missing, left over or of another shape; the first few are named.
    """
    counters = {
        theirs.replace("running_mean", "num_batches_tracked")
        for theirs in names
        if theirs.endswith(".running_mean")
    }
    faults = [f"{theirs} is missing" for theirs in names if theirs not in state]
    faults += [
        f"{str(key)[:60]} belongs to no layer" for key in state if key not in {*names, *counters}
    ]
    for theirs in (name for name in names if name in state):
        value, shape = state[theirs], declared[names[theirs]]
        if not isinstance(value, Tensor):
            faults.append(f"{theirs} is a {type(value).__name__} instead of a tensor")
        elif tuple(value.shape) != shape:
            faults.append(f"{theirs} is {list(value.shape)} instead of {list(shape)}")
    if faults:
        more = f" (and {len(faults) - _SHOWN} more)" if len(faults) > _SHOWN else ""
        raise ModelFileError(f"the state dict is not {whose}: {'; '.join(faults[:_SHOWN])}{more}")
    return {ours: state[theirs].detach() for theirs, ours in names.items()}
