from __future__ import annotations

from pathlib import Path
from shutil import copyfile

import numpy as np
import pytest

from convwise.data import load_data
from convwise.data.copies import copy_codes, keep_copies_together
from convwise.errors import DataError


def digests(*values: int) -> np.ndarray:
    return np.repeat(np.array(values, np.uint8)[:, None], 16, axis=1)


def parts(train: list[int], validation: list[int], test: list[int]) -> dict[str, np.ndarray]:
    named = {"train": train, "validation": validation, "test": test}
    return {name: np.array(places, np.int64) for name, places in named.items()}


def test_codes_are_equal_exactly_where_digests_are() -> None:
    generator = np.random.default_rng(0)
    few = generator.integers(0, 256, (40, 16), dtype=np.uint8)
    chosen = generator.integers(0, 40, 500)
    codes = copy_codes(few[chosen])
    same = codes[:, None] == codes[None, :]
    assert np.array_equal(same, chosen[:, None] == chosen[None, :])


def test_no_pictures_have_no_codes() -> None:
    assert copy_codes(np.zeros((0, 16), np.uint8)).shape == (0,)


def test_a_copy_of_a_training_picture_moves_to_training() -> None:
    kept, moved = keep_copies_together(
        parts([0, 1], [2, 3], [4, 5]), digests(1, 2, 1, 3, 2, 4), ["test", "validation"]
    )
    assert {name: places.tolist() for name, places in kept.items()} == {
        "train": [0, 1, 2, 4],
        "validation": [3],
        "test": [5],
    }
    assert moved.tolist() == [2, 4]


def test_copies_in_both_held_out_splits_move_to_training() -> None:
    kept, moved = keep_copies_together(
        parts([0], [1, 2], [3, 4]), digests(9, 1, 2, 1, 3), ["test", "validation"]
    )
    assert kept["train"].tolist() == [0, 1, 3]
    assert moved.tolist() == [1, 3]


def test_a_split_of_the_source_is_never_changed() -> None:
    kept, moved = keep_copies_together(parts([0], [1], [2]), digests(1, 1, 1), ["validation"])
    assert kept["test"].tolist() == [2]
    assert kept["train"].tolist() == [0, 1]
    assert moved.tolist() == [1]
    kept, moved = keep_copies_together(parts([0], [1], [2]), digests(1, 1, 1), [])
    assert (kept["validation"].tolist(), moved.tolist()) == ([1], [])


def test_no_held_out_picture_of_a_folder_has_a_copy_in_training(make_folder) -> None:  # type: ignore[no-untyped-def]
    root: Path = make_folder({"a": 30, "b": 30})
    for number in range(10):
        copyfile(root / f"a/{number:03d}.png", root / f"a/copy{number}.png")
    decoded = load_data(root).decode()
    seen = [{tuple(row) for row in store.digests.tolist()} for store in decoded.stores.values()]
    assert sum(map(len, seen)) == len(seen[0] | seen[1] | seen[2])
    assert decoded.moved
    assert set(decoded.moved) <= set(decoded.stores["train"].ids)


def test_too_many_damaged_files_stop_the_work(make_folder) -> None:  # type: ignore[no-untyped-def]
    root: Path = make_folder({"a": 20, "b": 20})
    for number in range(4):
        (root / f"a/bad{number}.png").write_bytes(b"words")
    decoded = load_data(root).decode()
    decoded.require_learnable(max_bad=0.1)
    with pytest.raises(DataError, match=r"4 of 44 .* is more than 5 %.*a/bad0"):
        decoded.require_learnable(max_bad=0.05)


def test_files_that_are_no_pictures_do_not_count_as_damaged(make_folder) -> None:  # type: ignore[no-untyped-def]
    root: Path = make_folder({"a": 20, "b": 20})
    for number in range(40):
        (root / f"a/notes{number}.txt").write_text("words")
    load_data(root).decode().require_learnable(max_bad=0.0)
