"""The networks of the zoo, built in torch: as many weights as published, and logits that leave.

Modules are built on torch's ``meta`` device, which keeps shapes and no values.
"""

from __future__ import annotations

import pytest
import torch

from convwise.design import plan, zoo
from convwise.model.build import ConvNet


@pytest.fixture(scope="module", params=zoo.names())
def network(request: pytest.FixtureRequest) -> ConvNet:
    entry = zoo.entry(request.param)
    with torch.device("meta"):
        return ConvNet(plan(entry.network, entry.image, entry.classes)).eval()


def test_a_built_network_trains_exactly_the_weights_that_its_entry_states(
    request: pytest.FixtureRequest, network: ConvNet
) -> None:
    entry = zoo.entry(request.node.callspec.params["network"])
    trained = sum(weight.numel() for weight in network.parameters())
    assert entry.params in (None, trained)
    assert trained == network.plan.trainable_params


def test_a_built_network_keeps_the_running_averages_of_its_plan(network: ConvNet) -> None:
    every = sum(value.numel() for value in network.state_dict().values())
    assert every == network.plan.total_params


def test_a_built_network_gives_a_logit_per_class(network: ConvNet) -> None:
    height, width, channels = network.plan.image
    with torch.no_grad():
        logits = network(torch.empty(2, channels, height, width, device="meta"))
    assert logits.shape == (2, network.plan.classes)


def test_each_module_leaves_the_shape_that_its_row_says(network: ConvNet) -> None:
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str):  # type: ignore[no-untyped-def]
        def hook(_module: torch.nn.Module, _inputs: object, output: torch.Tensor) -> None:
            rows = output.permute(0, 2, 3, 1) if output.ndim == 4 else output
            shapes[name] = tuple(rows.shape[1:])

        return hook

    handles = [
        network.get_submodule(row.name).register_forward_hook(note(row.name))
        for row in network.plan.rows
    ]
    height, width, channels = network.plan.image
    with torch.no_grad():
        network(torch.empty(1, channels, height, width, device="meta"))
    for handle in handles:
        handle.remove()
    assert shapes == {row.name: row.output_shape for row in network.plan.rows}
