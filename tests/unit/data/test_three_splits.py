from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convwise.data import load_data
from convwise.data.dataset import Dataset
from convwise.data.three_splits import Fold
from convwise.errors import OptionError

Make = Callable[..., Path]


def fold(source: object, number: int, folds: int = 5, **options: object) -> Dataset:
    return load_data(str(source), fold=f"{number}/{folds}", **options)  # type: ignore[arg-type]


def test_the_test_splits_of_all_folds_are_the_whole_and_stratified(make_folder: Make) -> None:
    root = make_folder({"a": 20, "b": 10})
    held = [fold(root, number) for number in range(1, 6)]
    together = np.concatenate([dataset.splits["test"] for dataset in held])
    assert sorted(together.tolist()) == list(range(30))
    for dataset in held:
        assert np.bincount(dataset.labels("test")).tolist() == [4, 2]
        parts = [set(part.tolist()) for part in dataset.splits.values()]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 30
        assert dataset.carved == ("test", "validation")


def test_folds_depend_on_the_seed(make_folder: Make) -> None:
    root = make_folder({"a": 20, "b": 10})
    places = [fold(root, 1, seed=seed).splits["test"].tolist() for seed in (0, 0, 1)]
    assert places[0] == places[1] != places[2]


def test_a_source_with_a_test_split_has_its_validation_divided() -> None:
    whole = load_data("fashion-mini")
    held = [fold("fashion-mini", number, 4) for number in (1, 2, 3, 4)]
    assert all(np.array_equal(each.splits["test"], whole.splits["test"]) for each in held)
    assert [len(each.splits["validation"]) for each in held] == [2_500] * 4
    together = np.concatenate([each.splits["validation"] for each in held])
    assert len(set(together.tolist())) == 10_000


def test_groups_stay_in_one_fold(tmp_path: Path, make_folder: Make) -> None:
    root = make_folder({"a": 20, "b": 20})
    rows = [f"{label}/{n:03}.png,{label},{n // 4}" for label in "ab" for n in range(20)]
    table = root / "table.csv"
    table.write_text("\n".join(["path,label,patient", *rows]))
    seen: list[int] = []
    for number in (1, 2, 3, 4, 5):
        dataset = fold(table, number, group="patient")
        assert dataset.groups is not None
        held = set(dataset.groups[dataset.splits["test"]].tolist())
        kept = np.concatenate([dataset.splits[name] for name in ("train", "validation")])
        assert not held & set(dataset.groups[kept].tolist())
        seen += held
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_a_source_that_has_all_splits_has_nothing_to_divide(make_folder: Make) -> None:
    root = make_folder({f"{part}/{name}": 3 for part in ("train", "val", "test") for name in "ab"})
    with pytest.raises(OptionError, match="nothing to divide"):
        fold(root, 1)


@pytest.mark.parametrize("text", ["", "2", "2/", "0/5", "6/5", "1/1", "a/b", "1/1000", "-1/5"])
def test_what_is_no_fold_is_refused(text: str) -> None:
    with pytest.raises(OptionError, match=r"--fold .*: (write NUMBER/FOLDS|have 2 to 100 folds)"):
        Fold.parse(text)


def test_the_options_that_were_not_defaults_are_remembered(make_folder: Make) -> None:
    root = make_folder({"a": 20, "b": 10})
    assert load_data(root).options == {}
    assert fold(root, 2, test=0.3).options == {"fold": "2/5", "test": 0.3}
