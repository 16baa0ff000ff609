from __future__ import annotations

import runpy
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from convwise.data import Decoded, load_data
from convwise.data.catalogue import FASHION_MNIST, IdxFile, locate
from convwise.data.export import write_class_folders

EXAMPLES = Path(__file__).parents[2] / "examples"

needs_fashion_mnist = pytest.mark.skipif(
    locate(FASHION_MNIST) is None, reason="the Fashion-MNIST files are not on this machine"
)


@pytest.fixture
def out(tmp_path: Path) -> Iterator[Path]:
    """Give a new folder's path; pytest would keep its thousands of files for three sessions."""
    folder = tmp_path / "out"
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def assert_same(folder: Path, expected: Decoded) -> None:
    dataset = load_data(folder)
    assert dataset.format == expected.dataset.format
    found = dataset.decode()
    assert found.skipped == ()
    for split, store in expected.stores.items():
        assert found.stores[split].pixels.tobytes() == store.pixels.tobytes()
        assert np.array_equal(found.stores[split].labels, store.labels)
        assert list(found.stores[split].ids) == sorted(found.stores[split].ids)
    names_given_back = replace(dataset, classes=expected.dataset.classes)
    assert replace(found, dataset=names_given_back).fingerprint == expected.fingerprint


def test_a_folder_export_gives_the_same_data(out: Path) -> None:
    dataset = load_data("fashion-mini")
    some = {split: positions[::12] for split, positions in dataset.splits.items()}
    expected = replace(dataset, splits=some).decode()
    write_class_folders(expected, out)
    assert_same(out, expected)


def test_the_example_exports_fashion_mini(
    out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["export", str(out), "--data", "fashion-mini"])
    runpy.run_path(str(EXAMPLES / "export_fashion_mnist.py"), run_name="__main__")
    assert "12000 pictures" in capsys.readouterr().out
    assert_same(out, load_data("fashion-mini").decode())


@pytest.mark.fashion_mnist
@needs_fashion_mnist
def test_all_of_fashion_mnist_as_folders_gives_the_same_data(out: Path) -> None:
    expected = load_data("fashion-mnist").decode()
    assert {split: len(store) for split, store in expected.stores.items()} == {
        "train": 55_000,
        "validation": 5_000,
        "test": 10_000,
    }
    write_class_folders(expected, out)
    assert_same(out, expected)


@pytest.mark.fashion_mnist
@needs_fashion_mnist
def test_fashion_mini_can_be_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from convwise.data.catalogue import FASHION_MINI

    paths: dict[IdxFile, Path] = locate(FASHION_MNIST) or {}
    source = next(iter(paths.values())).parent
    monkeypatch.setattr(sys, "argv", ["make", str(source), str(tmp_path)])
    runpy.run_path(str(EXAMPLES / "make_fashion_mini.py"), run_name="__main__")
    printed = dict(line.split() for line in capsys.readouterr().out.splitlines())
    assert printed == {f"{file.name}.gz": file.sha256 for file in FASHION_MINI.files}
