"""Accuracy against time, predictions in turns, and the limits of a machine."""

from xml.etree import ElementTree

import pytest


def run(limit: float, accuracy: float) -> dict:
    seconds = {"train_seconds": limit, "process_seconds": limit + 5}
    return {"limit": limit, "test_accuracy": accuracy, **seconds}


EPOCHS = [
    {"epoch": 1, "seconds": 30.0, "test_accuracy": 0.84},
    {"epoch": 2, "seconds": 60.0, "test_accuracy": 0.88},
]


def test_a_limit_tells_when_the_example_gets_as_far(load) -> None:
    runs = [run(8, 0.80), run(8, 0.86), run(8, 0.90), run(45, 0.93), {"limit": 45, "error": "no"}]
    first, second = load("time_to_accuracy").summary(runs, EPOCHS)
    assert first["test_accuracy"] == {"min": 0.80, "median": 0.86, "max": 0.90}
    assert first["keras_seconds"] == 60.0
    assert (second["n"], second["keras_seconds"]) == (1, None)


def test_the_chart_is_a_picture_with_both_lines(load) -> None:
    module = load("time_to_accuracy")
    text = module.chart(module.summary([run(8, 0.86), run(45, 0.93)], EPOCHS), EPOCHS)
    picture = ElementTree.fromstring(text)
    names = [each.text for each in picture.iter() if each.tag.endswith("text")]
    assert {"convwise", "Keras's example"} <= set(names)
    lines = [each for each in picture.iter() if each.tag.endswith("polyline")]
    assert len(lines) == 2
    alone = module.chart(module.summary([run(8, 0.86)], []), [])
    assert "Keras's example" not in [
        each.text for each in ElementTree.fromstring(alone).iter() if each.tag.endswith("text")
    ]
    with pytest.raises(ValueError, match="nothing was measured"):
        module.chart([], [])


class FakePredictor:
    def __init__(self, name: str, log: list[tuple[str, int]]) -> None:
        self.name, self.log, self.ready = name, log, {"parameters": 7}

    def ask(self, command, timeout: float) -> dict:
        if command["do"] == "learn":
            return {"images_per_second": 1.0, "given_up": self.name == "slow"}
        if command["do"] == "agreement":
            return {"agreement_with_fp32": 0.99, "images": 10}
        self.log.append((self.name, command["of"]["batch"]))
        return {"latency_ms": 1.0, "images_per_second": 5.0}

    def close(self) -> None:
        pass


def test_predictions_take_turns_at_each_batch_size(load) -> None:
    log: list[tuple[str, int]] = []
    rows = load("predict_throughput").predict_in_turns(
        ["a", "slow", "b"],
        lambda name: FakePredictor(name, log),
        [1, 32],
        rounds=2,
        seconds=0.1,
        learn={"test_images": 10, "cap": 1.0},
        tell=lambda news: None,
    )
    assert log == [(name, batch) for names in ("ab", "ba") for batch in (1, 32) for name in names]
    assert [(row["contender"], row["batch"], len(row["rounds"])) for row in rows] == [
        ("a", 1, 2), ("a", 32, 2), ("slow", 1, 0), ("slow", 32, 0), ("b", 1, 2), ("b", 32, 2)
    ]  # fmt: skip
    assert rows[2]["error"] == "too slow to learn"
    assert rows[0]["agreement_with_fp32"] == 0.99


def test_peaks_count_two_operations_to_a_product_and_name_the_best_size(load) -> None:
    module = load("limits")
    found = module.peaks((8, 16), rounds=3)
    for name in ("float32", "bfloat16"):
        by_size = found[name]["sizes"]
        assert found[name]["gflops"] == max(each["max"] for each in by_size.values())
        assert found[name]["gflops"] == by_size[str(found[name]["best_size"])]["max"]
    module.times = lambda work, rounds: [module.TOO_LONG * 2]
    assert list(module.peaks((8, 16), rounds=3)["float32"]["sizes"]) == ["8"]
    assert module.peaks((8,), 1)["float32"]["gflops"] == 2 * 8**3 / (2 * module.TOO_LONG) / 1e9
