from __future__ import annotations

import builtins
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from convwise.data.batches import to_input
from convwise.design.plan import plan
from convwise.errors import DataError, MissingExtraError, OptionError
from convwise.evaluation import features as module
from convwise.evaluation.features import dataset_features, features, file_bytes, require_writable
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.trained import TrainedModel

FORMAT = ImageFormat(8, 8, 3, mean=(0.5,) * 3)
POOLED = "conv 5 3 relu | global_avgpool | dropout 0.5 | dense classes"


def model_of(text: str = POOLED) -> TrainedModel:
    return TrainedModel(build(plan(text, FORMAT, 2)), FORMAT, ("cat", "dog"))


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for number in range(6):
            pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{number}.png")
    (tmp_path / "photos" / "cat" / "broken.png").write_bytes(b"no picture")
    return tmp_path / "photos"


def pictures(count: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(1).integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)


def test_features_are_the_input_of_the_head(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_SIZE", 2)
    model, images = model_of(), pictures(5)
    found = features(model, images)
    assert (found.shape, found.dtype) == ((5, 5), np.float32)
    with torch.no_grad():
        wanted = model.network.conv1(to_input(images, FORMAT)).mean(dim=(2, 3))
        logits = model.network.eval()(to_input(images, FORMAT))
    np.testing.assert_allclose(found, wanted.numpy(), atol=1e-6)
    by_head = model.network.dense1(torch.from_numpy(found))
    torch.testing.assert_close(by_head, logits)


def test_a_network_in_training_stays_in_training() -> None:
    model = model_of()
    model.network.train()
    first, second = (features(model, pictures(2)) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert model.network.training


def test_images_of_another_shape_are_told() -> None:
    with pytest.raises(DataError, match="the image format takes"):
        features(model_of(), pictures(2)[:, :4])


def test_a_data_set_gives_rows_with_label_path_and_split(photos: Path) -> None:
    model = model_of()
    found = dataset_features(model, photos, cache=False)
    assert found.features.shape == (12, 5)
    assert sorted(set(found.splits)) == ["test", "train", "validation"]
    assert [each["path"] for each in found.skipped] == ["cat/broken.png"]
    for path, label, row in zip(found.paths, found.labels, found.features, strict=True):
        assert path.startswith(f"{label}/")
        pixels = np.asarray(Image.open(photos / path))[None]
        np.testing.assert_allclose(row, features(model, pixels)[0], atol=1e-6)


def test_a_file_name_or_a_path_stands_for_the_model(tmp_path: Path) -> None:
    model = model_of()
    (tmp_path / "model.safetensors").write_bytes(model_bytes(model))
    found = features(tmp_path / "model.safetensors", pictures(2))
    np.testing.assert_allclose(found, features(model, pictures(2)), atol=1e-6)


def test_an_npz_file_needs_no_pickle(photos: Path) -> None:
    found = dataset_features(model_of(), photos, cache=False)
    with np.load(io.BytesIO(file_bytes(found, ".npz")), allow_pickle=False) as read:
        assert sorted(read) == ["features", "label", "path", "split"]
        np.testing.assert_array_equal(read["features"], found.features)
        assert tuple(read["label"]) == found.labels
        assert tuple(read["path"]) == found.paths
        assert tuple(read["split"]) == found.splits


def test_a_parquet_file_holds_the_same_columns(photos: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    found = dataset_features(model_of(), photos, cache=False)
    table = parquet.read_table(io.BytesIO(file_bytes(found, ".parquet")))
    assert table.column_names == ["path", "label", "split", "features"]
    assert tuple(table["path"].to_pylist()) == found.paths
    assert tuple(table["split"].to_pylist()) == found.splits
    np.testing.assert_array_equal(
        np.array(table["features"].to_pylist(), np.float32), found.features
    )


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_a_file_name_that_is_no_text_is_written(suffix: str) -> None:
    found = module.LabelledFeatures(
        np.zeros((1, 2), np.float32), ("a",), ("\udc80.png",), ("test",)
    )
    assert file_bytes(found, suffix)


def test_where_features_cannot_be_written_is_told_first(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"write NAME\.npz or NAME\.parquet"):
        require_writable(tmp_path / "features.csv")
    with pytest.raises(OptionError, match="does not exist; make it first"):
        require_writable(tmp_path / "gone" / "features.npz")


def test_missing_pyarrow_is_told_with_its_pip_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'convwise\[hub\]'"):
        require_writable(tmp_path / "features.parquet")
