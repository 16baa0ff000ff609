import json
import re
from pathlib import Path

import pytest

from convwise.design import plan, zoo
from convwise.design.summary import catalogue, render, to_json

GOLDEN = Path(__file__).parents[2] / "golden" / "design"


@pytest.mark.parametrize("name", ["lenet", "keras-convnet"])
def test_the_printed_table_is_the_golden_one(name: str) -> None:
    assert render(plan(name, "28x28x1", 10)) == (GOLDEN / f"{name}.txt").read_text("utf-8")


@pytest.mark.parametrize("name", ["lenet", "keras-convnet"])
def test_the_golden_totals_are_the_sums_of_their_columns(name: str) -> None:
    table, _, totals = (GOLDEN / f"{name}.txt").read_text("utf-8").partition("\n\n")
    cells = [re.split(r" {2,}", line.strip()) for line in table.splitlines()[1:]]
    params, flops = (sum(int(row[column].replace(",", "")) for row in cells) for column in (3, 4))
    assert f"params       {params:,}\n" in totals
    assert f"FLOPs        {flops:,} in" in totals


@pytest.mark.parametrize("name", zoo.names())
def test_the_table_fits_80_columns(name: str) -> None:
    image = zoo.entry(name).image
    assert max(map(len, render(plan(name, image, 10)).splitlines())) <= 80


def test_a_large_network_fits_80_columns_with_all_its_numbers() -> None:
    made = plan("vgg-small", "224x224x3", 10)
    text = render(made)
    assert max(map(len, text.splitlines())) <= 80
    assert "…" not in text
    assert "924,844,032" in text


def test_layers_of_a_block_are_indented_above_its_sum() -> None:
    lines = render(plan("fast", "28x28x1", 10)).splitlines()
    assert any(line.startswith("  conv4") for line in lines)
    assert any(line.startswith("add1") for line in lines)


def test_a_problem_stands_below_the_rows_with_its_fixes() -> None:
    text = render(plan("conv 8 3 | dense classes", "28x28x1", 10))
    assert text.index("conv1") < text.index("dense1: a dense layer needs flat values")
    assert "  fix: put `flatten` before dense1" in text


def test_json_has_the_promised_keys_and_totals() -> None:
    values = to_json(plan("resnet20", "32x32x3", 10))
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    layer_keys = {"name", "layer", "output_shape", "params", "flops", "other_flops"}
    layer_keys |= {"receptive_field", "border_coverage"}
    assert all(set(layer) == layer_keys for layer in values["layers"])
    assert "problem" not in values
    for key, total in (
        ("params", "total_params"),
        ("flops", "total_flops"),
        ("other_flops", "total_other_flops"),
    ):
        assert sum(layer[key] for layer in values["layers"]) == values[total]
    assert values["trainable_params"] == 269_722


def test_json_of_a_broken_design_has_its_problem() -> None:
    values = to_json(plan("conv 8 3 | dense classes", "28x28x1", 10))
    assert [layer["name"] for layer in values["layers"]] == ["conv1"]
    assert values["problem"]["layer"] == "dense1"
    assert set(values["problem"]) == {"layer", "message", "fixes"}


def test_the_catalogue_lists_each_network() -> None:
    assert catalogue().row_count == len(zoo.names())
