from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convwise.cli.main import run
from convwise.errors import ModelFileError, OptionError
from convwise.evaluation.evaluate import evaluate
from convwise.evaluation.files import predict_files
from convwise.evaluation.predict import predict_probabilities
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel
from convwise.ship import runtimes
from convwise.ship.extras import require_openvino
from convwise.ship.runtimes import (
    Runtime,
    onnxruntime_of,
    openvino_of,
    race,
    runtime_of,
    time_together,
)


@pytest.mark.parametrize("name", ["onnxruntime", "openvino"])
def test_a_runtime_answers_as_torch_does_in_batches_of_any_size(
    model: TrainedModel, name: Any
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 12, 10, 3), dtype=np.uint8)
    answer = runtime_of(model, name).answer
    np.testing.assert_allclose(answer(pixels), predict_probabilities(model, pixels), atol=1e-6)
    assert answer(pixels[::-1][:3]).shape == (3, 3)


def test_openvino_computes_in_bf16_where_asked_and_the_processor_can(model: TrainedModel) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 12, 10, 3), dtype=np.uint8)
    exact = runtime_of(model, "openvino")
    able = require_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if "BF16" not in able:
        with pytest.raises(OptionError, match="no arithmetic for it here"):
            runtime_of(model, "openvino", "bf16")
        return
    coarse = runtime_of(model, "openvino", "bf16")
    assert str(coarse.raw.get_property("INFERENCE_PRECISION_HINT")) != str(
        exact.raw.get_property("INFERENCE_PRECISION_HINT")
    )
    np.testing.assert_allclose(coarse.answer(pixels), exact.answer(pixels), atol=0.1)


def test_an_openvino_that_is_wrong_in_bf16_is_refused(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(content: bytes, precision: str = "fp32") -> Runtime:
        share = np.array([0.2, 0.3, 0.5] if precision == "bf16" else [0.5, 0.3, 0.2], np.float32)
        return Runtime("openvino", lambda pixels: np.tile(share, (len(pixels), 1)))

    monkeypatch.setattr(runtimes, "openvino_of", wrong)
    with pytest.raises(
        OptionError, match=r"by openvino here, its logits are off by [\d.]+; use fp32"
    ):
        runtime_of(model, "openvino", "bf16")


def test_onnx_runtime_does_not_compute_in_bf16(model: TrainedModel) -> None:
    with pytest.raises(OptionError, match="ONNX Runtime computes in fp32 here"):
        runtime_of(model, "onnxruntime", "bf16")


@pytest.mark.parametrize("runtime", ["auto", "onnxruntime"])
def test_the_command_tells_which_runtimes_compute_in_bf16(
    model: TrainedModel, photos: Path, tmp_path: Path, capsys: Any, runtime: str
) -> None:
    (tmp_path / "m.safetensors").write_bytes(model_bytes(model))
    asked = ["predict", str(tmp_path / "m.safetensors"), str(photos), "--precision", "bf16"]
    assert run([*asked, "--runtime", runtime]) == 2
    assert f"goes with --runtime torch or openvino, not {runtime}" in capsys.readouterr().err


def test_evaluation_and_prediction_ask_the_runtime(model: TrainedModel, photos: Path) -> None:
    asked = []

    def answer(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        asked.append(len(pixels))
        return np.tile(np.array([0.0, 1.0, 0.0], np.float32), (len(pixels), 1))

    found = evaluate(model, photos, split="all", answer=answer, cache=False)
    assert found.accuracy == pytest.approx(1 / 3)
    assert all(point["consistency"] == 1.0 for point in found.figures["shift"])
    (prediction,) = predict_files(model, [photos / "ant" / "00.png"], answer=answer)
    assert prediction.to_dict()["label"] == "bee"
    assert asked[0] == 60
    assert asked[-1] == 1


def test_the_race_keeps_torch_unless_another_is_clearly_quicker(
    model: TrainedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seconds, winner in ((0.5, "onnxruntime"), (0.97, "torch")):
        monkeypatch.setattr(
            runtimes,
            "time_together",
            lambda all_, pixels, limit, seconds=seconds: {
                each.name: {"torch": 1.0, "onnxruntime": seconds}.get(each.name, 2.0)
                for each in all_
            },
        )
        outcome = race(model, batch=2)
        assert outcome.chosen.name == winner
        assert outcome.sentence().startswith(f"runtime {winner}: raced on batches of 2")


def test_runtimes_take_turns_and_each_answers_once_at_least() -> None:
    order: list[str] = []

    def of(name: str) -> Runtime:
        def answer(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
            order.append(name)
            time.sleep(0.001)
            return np.zeros((len(pixels), 2), np.float32)

        return Runtime(name, answer)

    found = time_together([of("a"), of("b")], np.zeros((1, 1, 1, 1), np.uint8), 0.0)
    assert order == ["a", "b", "a", "b"]
    assert min(found.values()) >= 0.001


def test_a_file_that_is_no_onnx_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"nothing" * 9)
    with pytest.raises(ModelFileError, match="ONNX Runtime does not load it"):
        onnxruntime_of(tmp_path / "m.onnx")


def test_a_file_that_is_no_openvino_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.xml").write_text("nothing")
    with pytest.raises(ModelFileError, match="OpenVINO does not load it"):
        openvino_of(tmp_path / "m.xml")


def test_the_command_predicts_with_the_runtime_that_is_asked_for(
    model: TrainedModel, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "m.safetensors"
    file.write_bytes(model_bytes(model))
    told = []
    for runtime in ("torch", "onnxruntime", "openvino", "auto"):
        photo = str(photos / "bee" / "03.png")
        assert run(["predict", str(file), photo, "--runtime", runtime]) == 0
        captured = capsys.readouterr()
        told.append(captured.out)
    assert told == [told[0]] * 4
    assert "raced on batches" in captured.err
