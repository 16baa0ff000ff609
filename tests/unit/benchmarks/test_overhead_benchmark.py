"""What is measured of convwise above a runtime, and how it is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

Load = Callable[[str], ModuleType]


def test_overhead_is_taken_within_rounds(load: Load) -> None:
    module = load("runtime_overhead")
    taken = {module.RAW: [1e-3, 4e-3], "ours": [2e-3, 5e-3]}
    raw, ours = module.rows_of(taken, 8)
    assert raw["images_per_second"]["max"] == pytest.approx(8_000)
    assert "overhead_us" not in raw
    assert ours["n"] == 2
    assert ours["overhead_us"]["median"] == pytest.approx(1_000)
    assert ours["share_of_raw"]["min"] == pytest.approx(0.5)
    assert ours["share_of_raw"]["max"] == pytest.approx(0.8)


def test_who_gives_other_answers_is_not_measured(load: Load) -> None:
    module = load("runtime_overhead")
    asked = {module.RAW: lambda pixels: np.zeros(1), "ours": lambda pixels: np.ones(1)}
    with pytest.raises(SystemExit, match="ours gives other answers"):
        module.measure(asked, np.zeros((1, 1, 1, 1), np.uint8), rounds=1, seconds=0.0)


def test_everybody_takes_a_turn_in_every_round_and_the_table_tells_all(load: Load) -> None:
    module = load("runtime_overhead")
    model = module.model_of("lenet")
    facts = {
        "machine": {"cpu": "a processor", "threads": 1, "memory_gb": 1},
        "date": "today",
        "chosen": {"lenet": "onnxruntime"},
        "results": [],
    }
    pixels = np.random.default_rng(0).integers(0, 256, (2, 28, 28, 1), dtype=np.uint8)
    for name, ways in (("torch", 3), ("onnxruntime", 2)):
        asked = module.entrants(model, name)
        taken = module.measure(asked, pixels, rounds=2, seconds=0.0)
        assert [len(each) for each in taken.values()] == [2] * ways
        assert min(map(min, taken.values())) > 0
        where = {"net": "lenet", "runtime": name, "batch": 2}
        facts["results"] += [where | row for row in module.rows_of(taken, 2)]
    json.dumps(facts, allow_nan=False)
    lines = load("overhead_tables").overhead_tables(facts).splitlines()
    assert len(lines) == 2 + 2 + 5
    assert sum("onnxruntime (chosen)" in line for line in lines) == 2
    assert sum(line.count("≥ 0.95 ×") for line in lines) == 3
