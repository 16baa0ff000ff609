from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data import load_data
from convwise.errors import DataError, OptionError

Make = Callable[..., Path]


@pytest.mark.parametrize(
    ("size", "expected"),
    [((28, 28), (28, 28)), ((20, 32), (20, 32)), ((96, 100), (96, 96)), ((200, 150), (128, 128))],
)
def test_equal_sizes_decide_the_format(
    make_folder: Make, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    image_format = load_data(make_folder({"a": 4, "b": 4}, size=size)).format
    assert image_format.shape == (*expected, 1)


def test_mixed_sizes_take_the_median_shorter_side(make_folder: Make) -> None:
    root = make_folder({"a": 3, "b": 3})
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        Image.new("L", (40 + number, 300)).save(path)
    assert load_data(root).format.shape == (32, 32, 1)


def test_tiny_mixed_sizes_give_at_least_sixteen(make_folder: Make) -> None:
    root = make_folder({"a": 3, "b": 3})
    for number, path in enumerate(sorted(root.rglob("*.png"))):
        Image.new("L", (3 + number, 9)).save(path)
    assert load_data(root).format.shape == (16, 16, 1)


def test_one_colour_picture_makes_the_format_colour(make_folder: Make) -> None:
    root = make_folder({"a": 5, "b": 5})
    train = load_data(root).ids("train")
    Image.new("RGB", (8, 8)).save(root / train[-1])
    assert load_data(root).format.channels == 3


def test_held_out_pictures_do_not_decide_the_format(make_folder: Make) -> None:
    root = make_folder({"a": 5, "b": 5})
    dataset = load_data(root)
    for name in dataset.ids("test") + dataset.ids("validation"):
        Image.new("RGB", (99, 77)).save(root / name)
    assert load_data(root).format.shape == (8, 8, 1)


def test_given_size_and_channels_win(make_folder: Make) -> None:
    root = make_folder({"a": 4, "b": 4})
    assert load_data(root, image_size=12).format.shape == (12, 12, 1)
    assert load_data(root, channels=3, resize="crop").format.shape == (8, 8, 3)
    decoded = load_data(root, image_size=12, channels=3).decode()
    assert decoded.stores["train"].pixels.shape[1:] == (12, 12, 3)


def test_shares_are_held_out(make_folder: Make) -> None:
    dataset = load_data(make_folder({"a": 50, "b": 30}), test=0.2, validation=0.25)
    counts = {split: np.bincount(dataset.labels(split)).tolist() for split in dataset.splits}
    assert counts == {"train": [30, 18], "validation": [10, 6], "test": [10, 6]}


def test_splits_depend_on_the_seed_only(make_folder: Make) -> None:
    root = make_folder({"a": 20, "b": 20})
    first, again, other = (load_data(root, seed=seed).ids("test") for seed in (1, 1, 2))
    assert first == again != other


def test_an_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(DataError, match=r"fashon-mini: no folder, .*did you mean fashion-mini"):
        load_data("fashon-mini")


def test_a_file_of_another_kind_says_what_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    with pytest.raises(DataError, match=r"a.png is a file of a kind that is not read; give a fold"):
        load_data(tmp_path / "a.png")


def test_pictures_of_one_group_stay_on_one_side(make_folder: Make) -> None:
    root = make_folder({"a": 40, "b": 40})
    lines = ["path,label,camera"]
    for path in sorted(root.rglob("*.png")):
        lines.append(f"{path.relative_to(root)},{path.parent.name},{int(path.stem) % 8}")
    (root / "table.csv").write_text("\n".join(lines))
    dataset = load_data(root / "table.csv", group="camera")
    assert dataset.groups is not None
    sides = [set(dataset.groups[places].tolist()) for places in dataset.splits.values()]
    assert all(sides)
    assert sum(map(len, sides)) == 8


def test_an_archive_is_read_where_it_is(make_folder: Make, tmp_path: Path) -> None:
    root = make_folder({"a": 20, "b": 20})
    archive = shutil.make_archive(str(tmp_path / "pictures"), "zip", root)
    before = sorted(tmp_path.rglob("*"))
    found, expected = load_data(archive).decode(), load_data(root).decode()
    assert found.fingerprint == expected.fingerprint
    assert sorted(tmp_path.rglob("*")) == before


def test_a_group_is_for_tables_alone(make_folder: Make) -> None:
    with pytest.raises(OptionError, match="--group camera: only a table"):
        load_data(make_folder({"a": 4, "b": 4}), group="camera")


def test_too_few_pictures_for_three_splits(make_folder: Make) -> None:
    with pytest.raises(DataError, match="too few pictures for a validation split"):
        load_data(make_folder({"a": 1, "b": 1})).decode().require_learnable()


@pytest.mark.parametrize("option", ["validation", "test"])
@pytest.mark.parametrize("value", [0.0, 1.0, -0.1, float("nan")])
def test_shares_out_of_range_are_refused(option: str, value: float) -> None:
    with pytest.raises(OptionError, match=f"{option} share"):
        load_data("fashion-mini", **{option: value})


def test_fashion_mini_needs_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    decoded = load_data("fashion-mini").decode()
    sizes = {split: store.pixels.shape for split, store in decoded.stores.items()}
    assert sizes == {
        "train": (9000, 28, 28, 1),
        "validation": (1000, 28, 28, 1),
        "test": (2000, 28, 28, 1),
    }
    for store in decoded.stores.values():
        assert len(set(np.bincount(store.labels))) == 1
    assert decoded.dataset.classes[9] == "Ankle boot"
    assert not list(tmp_path.iterdir())


def test_a_named_data_set_can_be_resized() -> None:
    dataset = load_data("fashion-mini", image_size=14, channels=3)
    few = replace(dataset.samples, rows=np.arange(3), labels=np.zeros(3, int), ids=("a", "b", "c"))
    assert few.decode(dataset.format).images.shape == (3, 14, 14, 3)


def test_no_torch_is_needed_to_load_and_decode() -> None:
    code = (
        "import sys; from convwise.data import load_data; load_data('fashion-mini').decode(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
