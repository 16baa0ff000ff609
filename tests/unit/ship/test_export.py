from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from convwise.classifier import Classifier
from convwise.data.decode import decode_image
from convwise.errors import ConvwiseError, MissingExtraError, OptionError
from convwise.evaluation.paired import PairedCounts, difference_interval
from convwise.evaluation.predict import predict_probabilities
from convwise.image import ImageFormat
from convwise.model.trained import TrainedModel
from convwise.ship import export as export_module
from convwise.ship import extras, formats, onnx_model
from convwise.ship.export import Export, export
from convwise.ship.proof import Agreement, Proof, paired_accuracy
from convwise.ship.verdict import ExportError, int8_verdict


def test_an_onnx_file_takes_pixels_of_any_number_and_gives_the_models_probabilities(
    model: TrainedModel, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    done = export(model, "onnx", tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(done.file))
    wanted = predict_probabilities(model, pixels)
    for count in (1, 2, 9):
        found = session.run(["probabilities"], {"pixels": pixels[:count]})[0]
        np.testing.assert_allclose(found, wanted[:count], atol=1e-6)
    assert wanted.max() < 0.99, "answers that are all certain would hide differences"


def test_an_onnx_file_is_one_file_and_tells_classes_and_image_format(
    model: TrainedModel, tmp_path: Path
) -> None:
    file = export(model, "onnx", tmp_path / "m.onnx").file
    assert list(tmp_path.iterdir()) == [file]
    told = {each.key: each.value for each in onnx.load(file).metadata_props}
    facts = json.loads(told["convwise"])
    assert facts["classes"] == list(model.classes)
    assert ImageFormat.from_dict(facts["image_format"]) == model.image_format


def test_the_same_model_gives_the_same_file(model: TrainedModel) -> None:
    assert onnx_model.onnx_bytes(model) == onnx_model.onnx_bytes(model)


@pytest.mark.parametrize(
    ("to", "suffix"),
    [("onnx", ".onnx"), ("openvino", ".xml"), ("keras", ".keras"), ("torch", ".pt2")],
)
def test_an_export_is_scored_on_the_evaluation_data(
    model: TrainedModel, photos: Path, tmp_path: Path, to: Any, suffix: str
) -> None:
    done = export(model, to, tmp_path / f"m{suffix}", data=photos, split="all", cache=False)
    figures = done.to_dict()
    assert figures["max_difference"] < 1e-5
    assert figures["agreement"] == 1.0
    assert figures["files"] == 60 + 54
    accuracy = figures["accuracy"]
    assert accuracy["reference"] == accuracy["exported"]
    assert accuracy["interval"][0] < 0 < accuracy["interval"][1]
    assert figures["size"] == sum(each.stat().st_size for each in tmp_path.glob("m.*"))
    assert figures["latency"] > 0
    assert set(figures["throughput"]) == {"32", "256"}
    json.dumps(figures, allow_nan=False)


def planted_mean(model: TrainedModel, **options: Any) -> bytes:
    wrong = dataclasses.replace(model.image_format, mean=(0.41, 0.5, 0.3))
    content = onnx_model.onnx_bytes(dataclasses.replace(model, image_format=wrong), **options)
    return told_again(content, model)


def planted_order(model: TrainedModel, **options: Any) -> bytes:
    image = model.image_format
    wrong = dataclasses.replace(image, mean=image.mean[::-1], std=image.std[::-1])
    content = onnx_model.onnx_bytes(dataclasses.replace(model, image_format=wrong), **options)
    return told_again(content, model)


def planted_rule(model: TrainedModel, **options: Any) -> bytes:
    wrong = dataclasses.replace(model.image_format, resize="stretch")
    return onnx_model.onnx_bytes(dataclasses.replace(model, image_format=wrong), **options)


def planted_background(model: TrainedModel, **options: Any) -> bytes:
    wrong = dataclasses.replace(model.image_format, alpha_background=0)
    return onnx_model.onnx_bytes(dataclasses.replace(model, image_format=wrong), **options)


def planted_temperature(model: TrainedModel, **options: Any) -> bytes:
    return onnx_model.onnx_bytes(dataclasses.replace(model, temperature=1.0), **options)


def told_again(content: bytes, model: TrainedModel) -> bytes:
    made = onnx.load_from_string(content)
    del made.metadata_props[:]
    onnx.helper.set_model_props(made, {"convwise": json.dumps(onnx_model.contract(model))})
    return bytes(made.SerializeToString())


@pytest.mark.parametrize(
    "planted",
    [planted_mean, planted_order, planted_rule, planted_background, planted_temperature],
    ids=lambda function: function.__name__,
)
def test_a_planted_preprocessing_error_is_caught_and_only_its_own_file_removed(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, planted: Any
) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    monkeypatch.setattr(formats, "onnx_bytes", planted)
    with pytest.raises(ExportError, match="gives other answers in onnxruntime") as caught:
        export(model, "onnx", tmp_path / "m.onnx")
    assert caught.value.exit_code == 1
    assert [each.name for each in tmp_path.iterdir()] == ["mine.txt"]


def test_what_stands_there_is_never_overwritten(model: TrainedModel, tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_text("mine")
    with pytest.raises(OptionError, match=r"m\.onnx exists"):
        export(model, "onnx", tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").read_text() == "mine"
    with pytest.raises(OptionError, match=r"ends in \.onnx"):
        export(model, "onnx", tmp_path / "m.xml")
    with pytest.raises(OptionError, match="does not exist; make it first"):
        export(model, "onnx", tmp_path / "none" / "m.onnx")


def test_a_file_that_appears_meanwhile_is_kept(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "m.onnx"
    prove = export_module.prove

    def slowly(*arguments: Any, **options: Any) -> Any:
        target.write_text("mine")
        return prove(*arguments, **options)

    monkeypatch.setattr(export_module, "prove", slowly)
    with pytest.raises(OptionError, match="exists"):
        export(model, "onnx", target)
    assert target.read_text() == "mine"


@pytest.mark.parametrize("rule", ["pad", "crop", "stretch"])
def test_a_graph_that_resizes_inside_follows_the_rule(
    model: TrainedModel, tmp_path: Path, rule: Any
) -> None:
    its = dataclasses.replace(model.image_format, resize=rule)
    model = dataclasses.replace(model, image_format=its)
    done = export(model, "onnx", tmp_path / "m.onnx", resize_inside=True)
    colours = np.random.default_rng(2).integers(0, 256, (31, 44, 3), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "photo.png")
    wanted = predict_probabilities(model, decode_image(tmp_path / "photo.png", its)[None])
    session = onnxruntime.InferenceSession(str(done.file))
    found = session.run(None, {"pixels": colours[None]})[0]
    np.testing.assert_allclose(found, wanted, atol=5e-3)


def test_only_onnx_resizes_inside(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="only --to onnx can"):
        export(model, "keras", tmp_path / "m.keras", resize_inside=True)


@pytest.mark.parametrize(
    ("to", "name", "missing", "line"),
    [
        ("onnx", "m.onnx", "onnx", r"onnx is not installed; run: pip install 'convwise\[export\]'"),
        ("openvino", "m.xml", "openvino", r"pip install 'convwise\[openvino\]'"),
        ("keras", "m.keras", "h5py", r"pip install 'convwise\[keras\]'"),
    ],
)
def test_a_missing_extra_is_told_as_the_line_that_installs_it(
    model: TrainedModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    to: Any,
    name: str,
    missing: str,
    line: str,
) -> None:
    there = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda name: None if name == missing else there(name)
    )
    with pytest.raises(MissingExtraError, match=line):
        export(model, to, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_int8_is_calibrated_on_training_images_and_gives_a_verdict(
    model: TrainedModel, photos: Path, tmp_path: Path
) -> None:
    options = {"data": photos, "split": "all", "max_loss": 1.0, "cache": False}
    done = export(model, "int8", tmp_path / "m.onnx", **options)  # type: ignore[arg-type]
    assert done.verdict.startswith(("worth it here", "don't", "it depends"))
    assert "accuracy" in done.verdict
    kinds = {node.op_type for node in onnx.load(done.file).graph.node}
    assert {"QuantizeLinear", "DequantizeLinear"} <= kinds
    assert "BatchNormalization" not in kinds
    assert done.proof.agreement > 0.9
    assert abs(done.proof.accuracy["difference"]) < 0.05


def test_int8_of_openvino_is_two_files_with_a_verdict_and_prints_nothing(
    model: TrainedModel, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"data": photos, "split": "all", "max_loss": 1.0, "cache": False}
    done = export(model, "int8", tmp_path / "m.xml", runtime="openvino", **options)  # type: ignore[arg-type]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["m.bin", "m.xml"]
    assert done.verdict.startswith(("worth it here", "don't", "it depends"))
    assert "OpenVINO" in done.verdict
    assert done.proof.runtime == "openvino int8"
    assert 'type="FakeQuantize"' in done.file.read_text()
    assert done.proof.agreement > 0.9
    assert abs(done.proof.accuracy["difference"]) < 0.05
    assert capsys.readouterr().out == ""


def test_int8_for_openvino_has_openvinos_suffix(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"ends in \.xml"):
        export(model, "int8", tmp_path / "m.onnx", data="photos", runtime="openvino")


def test_a_missing_package_is_told_before_the_data_is_read(
    model: TrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = extras.importlib.util.find_spec
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda name: None if name == "nncf" else there(name)
    )
    with pytest.raises(MissingExtraError, match=r"pip install 'convwise\[openvino\]'"):
        export(model, "int8", tmp_path / "m.xml", data="no-such-folder", runtime="openvino")


def test_an_unknown_runtime_is_told(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="int8 is for onnxruntime or openvino"):
        export(model, "int8", tmp_path / "m.onnx", runtime="tvm")  # type: ignore[arg-type]


def test_only_int8_has_a_choice_of_runtime(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="only --to int8 has a choice, not --to onnx"):
        export(model, "onnx", tmp_path / "m.onnx", runtime="openvino")


def test_openvino_comes_without_what_sends_figures_of_its_use() -> None:
    program = """
import sys
from convwise.ship.extras import require, require_openvino
require_openvino(), require("nncf", "openvino")
print([name for name, module in sys.modules.items() if "openvino_telemetry" in name and module])
"""
    told = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("one", "many", "begins"),
    [
        (0.5, 0.5, "worth it here: int8 is 2.00 times as fast"),
        (2.0, 0.5, "it depends: "),
        (1.0, 0.99, "don't: int8 is not faster than float32 in OpenVINO here"),
    ],
)
def test_the_verdict_compares_int8_with_float32_in_the_same_runtime(
    one: float, many: float, begins: str
) -> None:
    accuracy = {"difference": -0.001, "interval": (-0.004, 0.002), "images": 1_000}
    seconds = {
        "torch": {1: 9.0, 32: 9.0},
        "openvino int8": {1: one, 32: many},
        "openvino float32": {1: 1.0, 32: 1.0},
    }
    agreement = Agreement(files=54, max_difference=0.01, agreement=1.0, ties=0)
    proof = Proof("openvino int8", agreement, accuracy=accuracy, seconds=seconds)
    verdict = int8_verdict(proof, 0.01, "openvino")
    assert verdict.startswith(begins)
    assert "accuracy -0.10 points (95 % interval -0.40 … +0.20, 1,000 images)" in verdict


def test_int8_without_data_says_what_it_needs(model: TrainedModel, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="add --data"):
        export(model, "int8", tmp_path / "m.onnx")


def test_int8_that_loses_more_than_it_may_is_removed(
    model: TrainedModel, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoilt(labels: Any, ours: Any, theirs: Any) -> dict[str, Any]:
        return paired_accuracy(labels, np.eye(3, dtype=np.float32)[labels], theirs)

    monkeypatch.setattr("convwise.ship.proof.paired_accuracy", spoilt)
    with pytest.raises(ExportError, match=r"don't: int8 costs more than --max-loss 0\.5%"):
        export(
            model,
            "int8",
            tmp_path / "m.onnx",
            data=photos,
            split="all",
            max_loss=0.005,
            cache=False,
        )
    assert not list(tmp_path.iterdir())


def test_a_classifier_exports_itself(tmp_path: Path) -> None:
    images = np.zeros((40, 8, 8), np.uint8)
    images[20:, 2:6] = 255
    from convwise import Recipe

    classifier = Classifier("dense", Recipe(epochs=1, batch_size=8)).fit(
        images, [0] * 20 + [1] * 20
    )
    done = classifier.export("onnx", tmp_path / "m.onnx")
    assert isinstance(done, Export)
    assert done.file.is_file()


def test_agreement_leaves_ties_out_and_sees_no_numbers() -> None:
    ours = np.array([[0.7, 0.3], [0.50004, 0.49996], [0.2, 0.8]], np.float32)
    theirs = np.array([[0.7, 0.3], [0.49996, 0.50004], [0.8, 0.2]], np.float32)
    found = Agreement.of(ours, theirs)
    assert (found.ties, found.agreement) == (1, 0.5)
    assert found.max_difference == pytest.approx(0.6)
    assert Agreement.of(ours, theirs * np.nan).max_difference == float("inf")
    # Where answers may differ by more, more files are ties.
    assert Agreement.of(ours, theirs, 0.25).ties == 2


def test_the_paired_interval_is_that_of_comparisons() -> None:
    labels = np.zeros(1_000, np.int64)
    right = np.tile(np.array([1, 0], np.float32), (1_000, 1))
    ours, theirs = right.copy(), right.copy()
    theirs[:20] = ours[20:30] = (0, 1)
    found = paired_accuracy(labels, ours, theirs)
    assert found["difference"] == pytest.approx(-0.01)
    counts = PairedCounts(both=970, first=20, second=10, neither=0)
    assert tuple(found["interval"]) == difference_interval(counts)


def test_errors_are_of_the_one_family() -> None:
    assert issubclass(ExportError, ConvwiseError)
    assert torch.is_grad_enabled()
