"""What the sections of a run's report say, from the run's own files."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convwise.data.audit.findings import Audit, Duplicate, Located
from convwise.report import pictures_wanted, write_report
from convwise.report.asked import asked
from convwise.report.audit_read import read_audit
from convwise.report.cell_images import HITS_PER_CELL, MISTAKES_PER_CELL, by_cell, cell_images
from convwise.report.class_maps import ClassMaps
from convwise.report.data_summary import data_summary
from convwise.report.next_steps import next_steps
from convwise.report.recipe_words import settings_used
from convwise.report.run_cost import run_cost
from convwise.report.run_design import plan_of_run, run_design
from convwise.report.run_folder import Prediction, RunFiles, read_run
from convwise.report.run_repeat import run_repeat
from convwise.report.scores import Scores, read_scores
from convwise.training.recipe import Recipe


def told(facts: Any) -> dict[str, str]:
    return {fact.label: fact.value for fact in facts}


def scores_of(folder: Path, **changes: Any) -> Scores:
    metrics = json.loads((folder / "metrics.json").read_text())
    found = read_scores({"test": metrics["test"] | changes})
    assert found is not None
    return found


def test_settings_that_were_not_used_are_not_told() -> None:
    recipe = Recipe(shift=0, flip=False, prune_easy=0.0, label_smoothing=0.05).model_dump()
    said = told(settings_used({"recipe": recipe | {"learning_rate": 0.1}}))
    assert set(said) == {"Batch size", "Optimizer", "Learning rate", "Label smoothing"}
    assert "none" not in " ".join(said.values())


def test_a_setting_that_is_not_known_here_is_told_as_it_stands() -> None:
    said = told(settings_used({"recipe": {"sharpness_aware": 0.05, "new_kind": None}}))
    assert said == {"Sharpness aware": "0.05"}


def test_the_learning_rate_tells_how_it_starts_and_ends() -> None:
    said = told(settings_used({"recipe": {"learning_rate": 0.1, "warmup": 0.25}}))
    assert said["Learning rate"] == (
        "rises from near 0 to 0.1 in the first 25\u00a0% of training, then falls to 0"
    )
    said = told(settings_used({"recipe": {"learning_rate": 0.1, "warmup": 0.0}}))
    assert said["Learning rate"] == "begins at 0.1 and falls to 0"


def test_augmentation_tells_each_change_that_was_made() -> None:
    recipe = {"shift": 2, "flip": True, "alternating_flip": True, "rotate": 10.0, "crop": 0.0}
    said = told(settings_used({"recipe": recipe}))
    assert said["Augmentation"] == (
        "moved by up to 2 pixels each way, mirrored left to right in every second epoch, "
        "turned by up to 10° either way"
    )


def test_transfer_tells_where_the_weights_came_from_but_no_folder_of_the_machine() -> None:
    start = {
        "name": "efficientnet-lite0",
        "source": "efficientnet-lite0",
        "file": "/home/somebody/weights/lite0.pth",
        "sha256": "ab" * 32,
        "head": {"images": 144, "seconds": 2.13, "accuracy": 0.95},
    }
    run = {"network": {"name": "efficientnet-lite0"}, "seed": 1, "start": start}
    said = told(asked(RunFiles("first", run)).start)
    assert said["First weights"] == "those of efficientnet-lite0"
    assert said["Weights file"] == "lite0.pth"
    assert said["New head"] == (
        "learnt alone from 144 images in 2.1 s, 95.0\u00a0% of them right at the end"
    )
    assert "somebody" not in " ".join(said.values())


def test_a_run_from_scratch_says_so() -> None:
    said = told(asked(RunFiles("first", {"network": {"name": "fast"}, "seed": 3})).start)
    assert said["First weights"] == "drawn at random, by seed 3"


def test_an_audit_is_read_back_as_it_was_written() -> None:
    places = (Located("a.png", "train", "cat"), Located("b.png", "test", "dog"))
    audit = Audit(
        "pets",
        (8, 8, 1),
        {"train": {"cat": 2, "dog": 1}, "test": {"cat": 1, "dog": 1}},
        duplicates=(Duplicate(places),),
        warnings=("few images",),
        carved=("test",),
    )
    found = read_audit(json.loads(json.dumps(audit.to_json())))
    assert (found.images, found.classes, found.carved) == (5, {"cat": 3, "dog": 2}, ("test",))
    assert len(found.leaks) == len(found.conflicts) == 1
    assert found.duplicates[0].pictures == places


@pytest.mark.parametrize(
    "audit",
    [
        {},
        {"splits": [], "duplicates": [{"paths": "x"}, 3], "image_format": "28x28"},
        {"splits": {"train": {"cat": "many"}}, "oddities": {"rotated": None}, "moved": 7},
    ],
)
def test_an_odd_audit_is_passed_over(audit: dict[str, Any]) -> None:
    found = data_summary(RunFiles("first", {}, audit=audit))
    assert found is not None
    assert found.findings == ()


def test_findings_of_the_audit_come_with_what_to_do(run_maker: Any) -> None:
    found = data_summary(read_run(run_maker()))
    assert found is not None
    said = " ".join(found.findings)
    assert "Keep each picture in one split (1 set" in said
    assert "the class Bag has few images" in said
    assert "1 image of a split that convwise made had a copy elsewhere" in said
    assert "Rotated: 1 image, for example Dress/9.png." in said
    assert found.lead == "7,000 images in 10 classes. The audit found 4 things worth knowing."
    assert found.counts is not None
    assert found.counts.splits == ("train", "validation", "test")


def test_cells_show_the_surest_mistakes_and_the_least_sure_hits() -> None:
    lines = [
        Prediction("sure", "a", "b", 0.9),
        Prediction("unsure", "a", "b", 0.6),
        Prediction("certain", "a", "a", 0.99),
        Prediction("doubted", "a", "a", 0.51),
        Prediction("broken", "a", "b", float("nan")),
        Prediction("elsewhere", "a", "z", 0.9),
    ]
    cells = by_cell(lines, ["a", "b"])
    assert [one.id for one in cells[0, 1]] == ["sure", "unsure"]
    assert [one.id for one in cells[0, 0]] == ["doubted", "certain"]
    assert set(cells) == {(0, 1), (0, 0)}


def test_images_of_a_cell_tell_how_many_of_how_many_they_are() -> None:
    lines = [Prediction(f"m{n:03d}", "a", "b", 0.9) for n in range(100)]
    lines += [Prediction(f"h{n:03d}", "a", "a", 0.9) for n in range(5)]
    pictures = {one.id: np.zeros((4, 4, 1), np.uint8) for one in lines}
    kept = json.loads(str(cell_images(by_cell(lines, ["a", "b"]), 2, pictures)))
    assert len(kept["0,1"]["images"]) == MISTAKES_PER_CELL
    assert kept["0,1"]["lead"] == "The 24 surest of them:"
    assert len(kept["0,0"]["images"]) == 5 < HITS_PER_CELL
    assert kept["0,0"]["lead"] == "All of them, the least sure first:"
    assert kept["0,1"]["images"][0]["sure"] == "90.0\u00a0%"


def test_no_image_is_kept_for_a_matrix_that_is_not_drawn() -> None:
    lines = [Prediction("x", "a", "b", 0.9)]
    pictures = {"x": np.zeros((4, 4, 1), np.uint8)}
    assert cell_images(by_cell(lines, ["a", "b"]), 121, pictures) is None


def test_the_network_of_a_run_is_planned_again_from_its_layers(run_maker: Any) -> None:
    run = read_run(run_maker()).run
    found = plan_of_run(run)
    assert found is not None
    assert found.total_params == run["network"]["total_params"]
    design = run_design(run, found, None)
    assert design is not None
    assert design.table is not None
    assert 'class="chart design-maps"' in str(design.maps)


def test_calibration_is_told_before_and_after_the_temperature(run_maker: Any) -> None:
    page = write_report(run_maker()).read_text()
    assert "Before: as the network answers" in page
    assert "After: logits divided by 0.750" in page
    assert "makes its answers surer and changes none of them" in page
    row = re.search(r'<th scope="row">ECE, validation</th><td>(.*?)</td><td>(.*?)</td>', page)
    assert row is not None
    assert row.groups() == ("4.1\u00a0%", "0.9\u00a0%")


def test_calibration_without_a_temperature_has_no_before(run_maker: Any) -> None:
    folder = run_maker(temperature={"temperature": 1.0, "reason": "too few images"})
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["test"]["temperature"] = 1.0
    (folder / "metrics.json").write_text(json.dumps(metrics))
    page = write_report(folder).read_text()
    assert "Before" not in page
    assert "stays 1: too few images" in page


def test_a_shift_of_three_pixels_is_what_is_told(run_maker: Any) -> None:
    page = write_report(run_maker()).read_text()
    assert re.search(r"A shift of 3 pixels costs \d+\.\d points", page)


def test_cost_tells_the_gpu_that_a_run_was_trained_on(run_maker: Any) -> None:
    for gpu in (None, "NVIDIA <T4>"):
        found = run_cost(read_run(run_maker(decides_bits={"gpu": gpu})), None)
        assert found is not None
        assert told(found.machine).get("Trained on") == gpu


def test_cost_tells_the_network_and_what_a_prediction_takes(run_maker: Any) -> None:
    folder = run_maker()
    (folder / "model.safetensors").write_bytes(bytes(1_234_567))
    files = read_run(folder)
    found = run_cost(files, plan_of_run(files.run))
    assert found is not None
    said = told(found.network)
    assert said["Model file"] == "1.23 MB"
    assert said["One prediction"] == "0.8 ms (median, 2 threads, fp32)"
    assert said["Predictions, 256 at once"] == "0.1 ms an image"
    assert said["FLOPs an image"].endswith("million")


def test_a_prediction_that_was_not_timed_is_not_told(run_maker: Any) -> None:
    files = read_run(run_maker(prediction=None))
    found = run_cost(files, None)
    assert found is not None
    assert "One prediction" not in told(found.network)


def test_commands_to_use_a_run_quote_its_name(run_maker: Any, tmp_path: Path) -> None:
    folder = run_maker()
    assert run_repeat(read_run(folder)).uses == ()
    odd = folder.rename(tmp_path / "a run")
    (odd / "model.safetensors").touch()
    uses = told(run_repeat(read_run(odd)).uses)
    assert uses["Ask it"] == "convwise predict 'a run' picture.png"
    assert uses["Check its files"] == "cd 'a run' && sha256sum -c SHA256SUMS"


def test_next_steps_follow_from_the_figures(run_maker: Any) -> None:
    folder = run_maker(images_per_class=400)
    files = read_run(folder)
    names = list(files.run["data"]["classes"])
    confusion = np.diag([50] * 10)
    confusion[6, 0] = 30
    scores = scores_of(folder, confusion=confusion.tolist(), ece=0.001)
    steps = next_steps(files, scores, data_summary(files), names)
    said = [step.words for step in steps]
    assert said[0].startswith("Settle what the audit found (4 findings)")
    assert any("30 of 30 mistakes (100\u00a0%) confuse these two" in words for words in said)
    assert "--set shift=3" in [step.command for step in steps if step.section == "shift"]
    assert not any("probabilities" in words for words in said)


def test_a_flawless_run_asks_for_nothing() -> None:
    scores = read_scores(
        {"test": {"images": 10_000, "accuracy": 1.0, "accuracy_interval": [0.999, 1.0], "ece": 0.0}}
    )
    assert next_steps(RunFiles("first", {}), scores, None, ["a", "b"]) == ()


def test_class_maps_stand_beside_the_image_they_explain(run_maker: Any) -> None:
    folder = run_maker()
    first = pictures_wanted(folder)[0]
    pixels = np.full((28, 28, 1), 90, np.uint8)
    values = np.linspace(0, 1, 784, dtype=np.float32).reshape(28, 28)
    maps = {first: ClassMaps(values, np.zeros((28, 28), np.float32), "add1")}
    page = write_report(folder, {first: pixels}, maps).read_text()
    assert "Grad-CAM of add1" in page
    assert page.count(f"What in {first} spoke for ") == 2
