"""A short form of ``tests/fuzz_model_files.py``, which opens 100,000 damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import fuzz_model_files
from damaged_models import corpus, json_damaged, mutated
from fuzz_model_files import outcome, try_one, work
from fuzzing import fuzz

MEGABYTES = 1_500
SECONDS = 10.0


def test_every_sound_file_of_the_corpus_is_opened(tmp_path: Path) -> None:
    for number, (kind, content) in enumerate(corpus()):
        file = tmp_path / f"{number}{kind}"
        file.write_bytes(content)
        assert outcome(file) == ("opened" if kind == ".onnx" else "answered")


def test_mutations_can_be_repeated() -> None:
    assert [mutated(3, number) for number in range(30)] == [mutated(3, n) for n in range(30)]
    assert mutated(3, 7) != mutated(4, 7)


def test_damaged_json_is_another_and_still_json() -> None:
    sound = {"a": [1, 2, {"b": "text"}], "c": None}
    damaged = [json_damaged(sound, np.random.default_rng(seed)) for seed in range(50)]
    for each in damaged:
        json.dumps(each)
    assert sum(each != sound for each in damaged) > 40
    assert sound == {"a": [1, 2, {"b": "text"}], "c": None}


def test_damaged_model_files_raise_nothing_but_our_errors_and_run_nothing() -> None:
    result = fuzz(work, seed=1, mutations=3_000)
    assert result["mutations"] == 3_000
    assert result["found"] == []
    assert result["peak_memory_mb"] < MEGABYTES
    assert result["slowest_seconds"] < SECONDS
    for kind, end in ((".safetensors", "answered"), (".keras", "answered"), (".onnx", "opened")):
        # Were all refused, what stands behind the checks would not be reached.
        assert min(result["outcomes"][f"{kind} {each}"] for each in (end, "refused")) > 20


def test_what_a_file_runs_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def running(file: Path) -> str:
        exec("1 + 1")
        return "answered"

    fuzz_model_files._ready()
    monkeypatch.setattr(fuzz_model_files, "outcome", running)
    with pytest.raises(AssertionError, match="something was run"):
        try_one(1, 1)
