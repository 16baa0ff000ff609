"""A short form of ``tests/fuzz_decoding.py``, which decodes 200,000 damaged files."""

from __future__ import annotations

import os
import signal
from typing import Any

import numpy as np
import pytest

from fuzz_decoding import WAYS, corpus, mutated, outcome, work
from fuzzing import fuzz

MEGABYTES = 1_500


def test_every_sound_file_of_the_corpus_is_decoded() -> None:
    assert {kind for kind, _ in corpus()} == {"PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"}
    assert [kind for kind, content in corpus() if outcome(content) != "decoded"] == []


def test_mutations_can_be_repeated() -> None:
    assert [mutated(3, number) for number in range(50)] == [mutated(3, n) for n in range(50)]
    assert mutated(3, 7) != mutated(4, 7)


@pytest.mark.parametrize("way", range(len(WAYS)))
def test_every_way_to_damage_a_file_changes_it(way: int) -> None:
    content = corpus()[0][1]
    changed = [
        bytes(WAYS[way](bytearray(content), np.random.default_rng(seed))) != content
        for seed in range(20)
    ]
    assert sum(changed) > 10


def test_damaged_files_raise_nothing_but_decode_errors() -> None:
    result = fuzz(work, seed=1, mutations=3_000)
    assert result["mutations"] == 3_000
    assert result["found"] == []
    assert result["peak_memory_mb"] < MEGABYTES
    for kind in ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"):
        # Were all of one kind, most of the decoder would not be reached.
        assert min(result["outcomes"][f"{kind} {end}"] for end in ("decoded", "refused")) > 5


def _kill_at_seven(seed: int, first: int, last: int, step: int, pipe: Any) -> None:
    for number in range(first, last, step):
        pipe.send((number, None, 0, 0.0))
        if number == 7:
            os.kill(os.getpid(), signal.SIGKILL)
        said = "FOUND PNG ValueError: bad" if number == 10 else "PNG decoded"
        pipe.send((number, said, 2048, 0.5))


def test_a_death_and_an_exception_are_told_by_their_numbers() -> None:
    result = fuzz(_kill_at_seven, seed=0, mutations=20, start_method="fork")
    assert sorted(each["number"] for each in result["found"]) == [7, 10]
    assert "exit status -9" in next(x["what"] for x in result["found"] if x["number"] == 7)
    assert (result["mutations"], result["peak_memory_mb"]) == (20, 2.0)
    assert result["slowest_seconds"] == 0.5
