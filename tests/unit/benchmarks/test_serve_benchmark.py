"""The clients of the load benchmark against a server, and the tables of what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from convwise.data.decode import decode_image
from convwise.evaluation.predict import Predictor
from serving import FORMAT, Running, file_of, picture, running, small_model, write_model

FOLDER = Path(__file__).parents[3] / "benchmarks"
Load = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running({"m": write_model(tmp_path_factory.mktemp("load") / "m.safetensors")}) as found:
        yield found


def material(folder: Path, *, wrong: bool = False) -> Path:
    """Write files and their answers; or those of the next file."""
    files = [file_of(picture(number)) for number in range(8)]
    pixels = np.stack([decode_image(each, FORMAT) for each in files])
    answers = Predictor(small_model()).probabilities(pixels)
    arrays = {f"file{place}": np.frombuffer(each, np.uint8) for place, each in enumerate(files)}
    np.savez(folder / "m.npz", answers=np.roll(answers, wrong, axis=0), **arrays)
    return folder / "m.npz"


@pytest.mark.parametrize("wrong", [False, True])
def test_clients_compare_every_answer_with_the_right_one(
    load: Load, server: Running, tmp_path: Path, wrong: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    processes = load("serve_processes")
    # The benchmark's classes are named by number; these are not.
    from serving import CLASSES

    source = (FOLDER / "serve_client.py").read_text(encoding="utf-8")
    patched = source.replace('found["label"]', f'{list(CLASSES)!r}.index(found["label"])')
    (tmp_path / "serve_client.py").write_text(patched, encoding="utf-8")
    monkeypatch.setattr(processes, "HERE", tmp_path)
    clients = processes.Clients(server.port, "/predict", material(tmp_path, wrong=wrong))
    try:
        found = clients.ask("each", count=40, connections=4)
        assert found["statuses"] == {"200": 40}
        assert found["compared"] == 40
        assert (found["swapped"] > 0) == wrong
        found = clients.ask("open", seconds=0.3, rate=100, connections=8)
        assert set(found["statuses"]) == {"200"}
        assert found["p50_ms"] > 0
    finally:
        clients.close()


def test_rows_hold_ratios_within_rounds(load: Load) -> None:
    module = load("serve_load")
    rounds = [
        {"round": number, "kind": "png", "contender": name, "images_per_second": speed * factor}
        for number, factor in enumerate((1.0, 3.0))
        for name, speed in (("in process", 100.0), ("convwise", 60.0), ("litserve", 20.0))
    ]
    rounds.append({"round": 0, "kind": "jpeg", "contender": "litserve", "error": "did not start"})
    rows = {(row["kind"], row["contender"]): row for row in module._throughput_rows(rounds)}
    ours = rows["png", "convwise"]
    assert ours["times_in_process"]["median"] == pytest.approx(0.6)
    assert ours["times_litserve"]["median"] == pytest.approx(3.0)
    assert rows["jpeg", "litserve"]["error"] == "did not start"
    assert "times_litserve" not in rows["png", "litserve"]
