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


def test_branches_that_meet_each_have_a_line_of_their_own() -> None:
    text = "concat (branch | branch (conv 8 9 same relu)) | global_avgpool | dense classes"
    lines = render(plan(text, "28x28x1", 10)).splitlines()
    assert lines[1].split() == ["branch", "1", "what", "came", "in"]
    assert lines[2] == "  branch 2"
    assert lines[3].startswith("    conv1 ")
    assert lines[4].startswith("concat1 ")


def test_what_is_not_trained_is_told_by_its_kind() -> None:
    text = "fixed sobel | conv 4 9 norm relu | global_avgpool | dense classes"
    printed = render(plan(text, "28x28x1", 10))
    assert "trained, 8 running averages, 18 in fixed filters)" in printed
    assert "trained" not in render(plan("lenet", "28x28x1", 10))


def test_the_memory_is_told_for_the_batch_that_was_asked_for() -> None:
    made = plan("vgg-small", "28x28x1", 10)
    assert "activations, for one image\n" in render(made)
    memory = to_json(made, batch=1000)["memory"]["training"]
    assert f"{memory / 1e9:.2f} GB to train" in render(made, batch=1000)
    assert "activations, for 1,000 images\n" in render(made, batch=1000)


def test_a_problem_stands_below_the_rows_with_its_fixes() -> None:
    text = render(plan("conv 8 3 | dense classes", "28x28x1", 10))
    assert text.index("conv1") < text.index("dense1: a dense layer needs flat values")
    assert "  fix: put `flatten` before dense1" in text


def test_json_has_the_promised_keys_and_totals() -> None:
    values = to_json(plan("resnet20", "32x32x3", 10))
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    layer_keys = {"name", "layer", "output_shape", "params", "flops", "other_flops"}
    layer_keys |= {"receptive_field", "border_coverage", "receptive_stride", "receptive_centre"}
    layer_keys |= {"trainable_params", "activation_bytes"}
    assert all(set(layer) == layer_keys for layer in values["layers"])
    assert "problem" not in values
    for key, total in (
        ("params", "total_params"),
        ("flops", "total_flops"),
        ("other_flops", "total_other_flops"),
        ("trainable_params", "trainable_params"),
    ):
        assert sum(layer[key] for layer in values["layers"]) == values[total]
    assert values["trainable_params"] == 269_722
    assert values["layers"][0]["receptive_stride"] == [1, 1]
    assert values["layers"][0]["receptive_centre"] == [0, 0]
    assert values["warnings"] == []


def test_json_has_the_memory_at_a_batch_whose_training_is_the_sum_of_its_column() -> None:
    values = to_json(plan("resnet20", "32x32x3", 10), batch=8)
    memory, images = values["memory"], 8 * 32 * 32 * 3 * 4
    assert memory["batch"] == 8
    assert memory["training"] == images + sum(row["activation_bytes"] for row in values["layers"])
    assert 0 < memory["prediction"] < memory["training"]


def test_json_and_the_printed_text_have_the_same_warnings() -> None:
    made = plan("lenet", "28x28x1", 10)
    (warning,) = to_json(made)["warnings"]
    assert warning["layer"] == "dense1"
    printed = " ".join(render(made).split())
    assert f"warning: dense1: {warning['message']}" in printed


def test_json_of_a_broken_design_has_its_problem() -> None:
    values = to_json(plan("conv 8 3 | dense classes", "28x28x1", 10))
    assert [layer["name"] for layer in values["layers"]] == ["conv1"]
    assert values["problem"]["layer"] == "dense1"
    assert set(values["problem"]) == {"layer", "message", "fixes"}


def test_the_catalogue_lists_each_network_with_year_weights_and_operations() -> None:
    made = catalogue()
    assert made.row_count == len(zoo.names())
    cells = {column.header: list(column.cells) for column in made.columns}
    place = zoo.names().index("resnet50")
    assert cells["year"][place] == "2015"
    assert cells["params"][place] == "25,557,032"
    assert cells["FLOPs"][place] == "8.18 G"
