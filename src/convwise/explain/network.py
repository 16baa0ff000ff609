"""A trained network opened up: what leaves each of its layers, as the design has them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from convwise.design.plan import Plan, Row
from convwise.errors import OptionError, did_you_mean
from convwise.model.build import ConvNet


def as_designed(network: ConvNet) -> ConvNet:
    """Return the network with each layer computed where the design has it; weights are shared.

    For speed a network computes neighbouring layers together, so that what leaves a convolution is
    not always what its row says. Names and weights are the same.

    Args:
        network: trained; it stays as it is.

    Returns:
        In the mode of prediction, without gradients for weights.
    """
    # A tensor that is made in inference mode could never take part in a gradient.
    with torch.inference_mode(False):
        plain = ConvNet(network.plan, fuse=False)
        plain.load_state_dict(network.state_dict(), assign=True)
    return plain.requires_grad_(False).eval()


@contextmanager
def kept_outputs(
    network: ConvNet, layers: Sequence[str], *, with_gradients: bool = False
) -> Iterator[dict[str, Tensor]]:
    """Keep what leaves layers while the network runs.

    Args:
        network: of :func:`as_designed`.
        layers: names of rows.
        with_gradients: what follows a layer starts from a tensor that gradients arrive at, and
            nothing before it is differentiated.

    Yields:
        Name → (batch, channels, height, width) or (batch, features), of the last run.
    """
    found: dict[str, Tensor] = {}

    def keep(name: str) -> object:
        def hook(module: nn.Module, given: object, output: Tensor) -> Tensor:
            found[name] = output.detach().requires_grad_() if with_gradients else output
            return found[name]

        return hook

    with ExitStack() as stack:
        for name in layers:
            handle = network.get_submodule(name).register_forward_hook(keep(name))  # type: ignore[arg-type]
            stack.callback(handle.remove)
        yield found


@contextmanager
def differentiating() -> Iterator[None]:
    """Let gradients be computed, whatever the caller has switched off."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def rows_with_maps(plan: Plan) -> list[Row]:
    """Return the rows that leave a map, in order of execution."""
    return [row for row in plan.rows if len(row.output_shape) == 3]


def has_maps(plan: Plan) -> bool:
    """Return whether any layer leaves a map of more than 1×1 places."""
    return any(max(row.output_shape[:2]) > 1 for row in rows_with_maps(plan))


def row_named(plan: Plan, name: str) -> Row:
    """Return a row that leaves a map, by its name.

    Raises:
        OptionError: there is none of that name.
    """
    rows = {row.name: row for row in rows_with_maps(plan)}
    if name in rows:
        return rows[name]
    if any(row.name == name for row in plan.rows):
        raise OptionError(f"layer {name} leaves flat values, no map{_choice(rows)}")
    raise OptionError(f"the network has no layer {name!r}{did_you_mean(name, rows)}{_choice(rows)}")


def _choice(rows: dict[str, Row]) -> str:
    names = list(rows)
    if not names:
        return "; this network has no maps at all"
    return f"; layers with maps are {', '.join(names[:12])}{' …' if len(names) > 12 else ''}"
