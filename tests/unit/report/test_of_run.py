"""The report that a training leaves, and the same one written again later."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convwise.errors import CheckpointError, DataError
from convwise.report.of_run import report_folder, report_run
from convwise.training.recipe import Recipe
from convwise.training.train import train

RECIPE = Recipe(epochs=1, batch_size=16, prune_easy=0)
NETWORK = "conv 4 3 relu | flatten | dense classes"


@pytest.fixture(scope="module")
def noise(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures that no class can be told from, so that mistakes are certain."""
    folder = tmp_path_factory.mktemp("noise")
    random = np.random.default_rng(0)
    for name in ("even", "odd"):
        (folder / name).mkdir()
        for number in range(40):
            pixels = random.integers(0, 256, (12, 12), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number:02d}.png")
    return folder


def trained(noise: Path, folder: Path, network: str) -> Any:
    return train(
        noise, network, RECIPE, out=folder / "run", precision="fp32", threads=1, cache=False
    )


@pytest.fixture(scope="module")
def run(noise: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    ended = trained(
        noise, tmp_path_factory.mktemp("runs"), "conv 4 3 relu | flatten | dense classes"
    )
    report_run(ended)
    return ended


def test_each_mistake_comes_with_what_spoke_for_both_classes(run: Any) -> None:
    page = (run.folder / "report.html").read_text()
    assert "Grad-CAM of conv1" in page
    assert page.count('class="looks"') == min(
        24, sum(row["label"] != row["predicted"] for row in answers(run.folder))
    )


def answers(folder: Path) -> list[dict[str, str]]:
    with (folder / "predictions.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_tells_what_a_prediction_took(run: Any) -> None:
    speed = json.loads((run.folder / "run.json").read_text())["prediction"]
    assert speed["milliseconds"] > 0
    assert speed["threads"] == 1
    assert f"{speed['milliseconds']:.3g} ms (median" in (run.folder / "report.html").read_text()


def test_a_report_can_be_written_again_from_the_folder_alone(run: Any) -> None:
    first = (run.folder / "report.html").read_bytes()
    (run.folder / "report.html").unlink()
    assert report_folder(run.folder).read_bytes() == first
    assert "report.html" in (run.folder / "SHA256SUMS").read_text()


def test_data_that_has_changed_is_not_shown_as_the_run_s_own(
    run: Any, noise: Path, tmp_path: Path
) -> None:
    facts = json.loads((run.folder / "run.json").read_text())
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in run.folder.iterdir():
        if file.is_file():
            (copy / file.name).write_bytes(file.read_bytes())
    facts["data"]["fingerprint"] = "0" * 64
    (copy / "run.json").write_text(json.dumps(facts))
    with pytest.raises(CheckpointError, match="has changed since"):
        report_folder(copy)
    facts["data"].pop("asked")
    (copy / "run.json").write_text(json.dumps(facts))
    with pytest.raises(DataError, match="does not tell how its data was read"):
        report_folder(copy)


def test_a_network_without_maps_has_a_report_without_class_maps(
    noise: Path, tmp_path: Path
) -> None:
    ended = trained(noise, tmp_path, "flatten | dense classes")
    page = report_run(ended).read_text()
    assert "Grad-CAM" not in page
    assert '<section id="mistakes">' in page
