"""Operations of every layer and of every known network, counted by torch as it computes them."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from convwise.design import BlurPool2D, Plan, zoo
from convwise.design.plan import plan
from convwise.model.build import ConvNet
from layer_table import TABLE, Sample, name_of, plan_around


def counted(made: Plan) -> dict[str, int]:
    """Return what torch counts in each row's module for one image, without computing a value."""
    height, width, channels = made.image
    with torch.device("meta"):
        network = ConvNet(made).eval()
        image = torch.empty(1, channels, height, width)
    with FlopCounterMode(display=False) as counter:
        network(image)
    modules = counter.get_flop_counts()
    total = sum(modules["Global"].values())
    of_rows = {row.name: sum(modules.get(f"ConvNet.{row.name}", {}).values()) for row in made.rows}
    assert sum(of_rows.values()) == total == counter.get_total_flops()
    return of_rows


def expected(made: Plan) -> dict[str, int]:
    """Return what the plan says; torch sees a blur as the convolution that computes it."""
    return {
        row.name: row.other_flops if isinstance(row.layer, BlurPool2D) else row.flops
        for row in made.rows
    }


@pytest.mark.parametrize("sample", TABLE, ids=name_of)
def test_a_layers_operations_are_those_that_torch_counts(sample: Sample) -> None:
    made = plan_around(sample)
    assert counted(made) == expected(made)


@pytest.mark.parametrize("name", zoo.names())
def test_a_known_networks_operations_are_those_that_torch_counts(name: str) -> None:
    entry = zoo.entry(name)
    made = plan(name, entry.image, entry.classes).require()
    assert counted(made) == expected(made)
    assert made.total_flops == sum(counted(made).values())
