"""Processors without bf16 or wide vectors, and installations without Numba."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from convwise import kernels

SETTINGS = {
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "generic Numba": {"NUMBA_CPU_NAME": "generic"},
    "no Numba": {},
    "kernels off": {"CONVWISE_KERNELS": "off"},
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_training_and_prediction_work(
    setting: str, convwise: Any, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SETTINGS[setting].items():
        monkeypatch.setenv(name, value)
    if setting == "no Numba":
        (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['numba'] = None\n")
        path = os.pathsep.join(filter(None, (str(tmp_path), os.environ.get("PYTHONPATH"))))
        monkeypatch.setenv("PYTHONPATH", path)
    out = tmp_path / "run"
    text = "conv 8 3 same norm relu | maxpool 2 | flatten | dense classes"
    asked = ["--network", text, "--epochs", 1, "--batch-size", 8, "--threads", 1, "--json"]
    answer = convwise("train", photos, *asked, "--out", out)
    assert answer.code == 0, answer.err
    facts = json.loads((out / "run.json").read_text(encoding="utf-8"))
    layers = {heat["layers"][0]: heat for heat in facts["precision_by_layer"]}
    assert layers.keys() == {"conv1", "dense1"}
    if all(heat["chosen"] == "fp32" for heat in layers.values()):
        assert facts["precision"]["chosen"] == "fp32"
    if setting in ("no Numba", "kernels off") or not kernels.available():
        assert facts["kernels"] == []
    else:
        assert {name for heat in facts["kernels"] for name in heat["layers"]} == {"norm1", "pool1"}
        assert all("failed" not in heat["reason"] for heat in facts["kernels"])
    predicted = convwise("predict", out, photos / "left" / "00.jpg", "--json")
    assert predicted.code == 0, predicted.err
    assert len(predicted.lines[0]["probabilities"]) == 3
