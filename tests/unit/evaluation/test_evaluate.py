from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.data import load_data
from convwise.data.store import PixelStore
from convwise.errors import DataError, OptionError
from convwise.evaluation.evaluate import evaluate
from convwise.evaluation.predict import predict_probabilities
from convwise.evaluation.split import evaluate_split
from convwise.model.trained import TrainedModel


def write_folder(root: Path, pixels: np.ndarray, names: list[str]) -> Path:
    for number, (picture, name) in enumerate(zip(pixels, names, strict=True)):
        (root / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture[..., 0]).save(root / name / f"{number:03}.png")
    return root


def test_a_folder_is_scored_as_its_pixels_are(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    names = [model.classes[number % 3] for number in range(30)]
    folder = write_folder(tmp_path / "data", pixels[:30], names)
    found = evaluate(model, folder, split="all", shift_images=0)
    place = {Path(name).stem: index for index, name in enumerate(found.ids)}
    wanted = predict_probabilities(model, pixels[:30])
    ours = np.stack([found.probabilities[place[f"{number:03}"]] for number in range(30)])
    np.testing.assert_allclose(ours, wanted, atol=1e-5)
    predicted = [model.classes[index] for index in wanted.argmax(axis=1)]
    assert found.accuracy == pytest.approx(
        np.mean([a == b for a, b in zip(predicted, names, strict=True)])
    )
    assert found.figures["shift"] == []


def test_classes_are_matched_by_name(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    turned = TrainedModel(model.network, model.image_format, ("emu", "dog", "cat"))
    predicted = predict_probabilities(turned, pixels[:60]).argmax(axis=1)
    names = [turned.classes[index] for index in predicted]
    assert len(set(names)) == 3
    # The folder lists cat, dog, emu; the model has them the other way round.
    folder = write_folder(tmp_path / "data", pixels[:60], names)
    found = evaluate(turned, folder, split="all", shift_images=0)
    assert found.accuracy == 1.0
    assert [entry["class"] for entry in found.figures["per_class"]] == ["emu", "dog", "cat"]


def test_data_may_have_fewer_classes_than_the_model(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "data", pixels[:20], ["emu", "dog"] * 10)
    found = evaluate(model, folder, split="all", shift_images=0)
    assert [entry["images"] for entry in found.figures["per_class"]] == [0, 10, 10]


def test_a_class_that_the_model_does_not_know_is_refused(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "data", pixels[:20], ["cat", "yak"] * 10)
    with pytest.raises(DataError, match=r"'yak', which the model does not know.*cat, dog, emu"):
        evaluate(model, folder)


def test_a_file_that_cannot_be_read_is_listed(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "data", pixels[:20], ["cat", "dog"] * 10)
    (folder / "cat" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    found = evaluate(model, folder, split="all", shift_images=0)
    assert found.figures["images"] == 20
    assert [entry["path"] for entry in found.skipped] == ["cat/broken.png"]
    assert found.skipped[0]["reason"]


def test_the_test_split_is_made_with_the_seed_of_the_model(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "data", pixels[:40], ["cat", "dog"] * 20)
    seeded = TrainedModel(model.network, model.image_format, model.classes, seed=8)
    first, again = (evaluate(seeded, folder, shift_images=0).ids for _ in range(2))
    other = evaluate(seeded, folder, shift_images=0, seed=9).ids
    assert first == again != other
    train = evaluate(seeded, folder, split="train", shift_images=0).ids
    assert not set(first) & set(train)


def test_the_shift_curve_is_measured_on_images_spread_over_the_split(
    model: TrainedModel, pixels: np.ndarray
) -> None:
    labels = np.arange(40) % 3
    store = PixelStore(pixels[:40], labels, tuple(map(str, range(40))))
    few = evaluate_split(model, store, shift_images=10).figures
    all_of_them = evaluate_split(model, store, shift_images=1_000).figures
    assert (few["shift_images"], all_of_them["shift_images"]) == (10, 40)
    assert all_of_them["shift"][0]["accuracy"] == pytest.approx(all_of_them["accuracy"])


def test_the_test_split_is_made_with_the_fold_and_the_groups_of_the_training(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    folder = write_folder(tmp_path / "data", pixels[:40], ["cat", "dog"] * 20)
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
    rows = [f"{name},{name[:3]},{place // 4}" for place, name in enumerate(names)]
    table, plain = folder / "grouped.csv", folder / "plain.csv"
    table.write_text("\n".join(["path,label,camera", *rows]))
    plain.write_text("\n".join(["path,label,other", *rows]))
    options = {"group": "camera", "fold": "2/5"}
    grouped = TrainedModel(
        model.network, model.image_format, model.classes, seed=8, data_options=options
    )
    dataset = load_data(table, seed=8, **options)
    assert evaluate(grouped, table, shift_images=0).ids == dataset.ids("test")
    other_fold = evaluate(grouped, table, shift_images=0, fold="1/5").ids
    assert not set(other_fold) & set(dataset.ids("test"))
    # Another data set need not have the column.
    assert len(evaluate(grouped, plain, shift_images=0).ids) == 8


def test_options_of_the_training_that_other_data_cannot_have_are_passed_over(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    options = {"fold": "2/5", "nested": True}
    folded = TrainedModel(model.network, model.image_format, model.classes, data_options=options)
    for part in ("train", "val", "test"):
        write_folder(tmp_path / "data" / part, pixels[:8], ["cat", "dog"] * 4)
    assert len(evaluate(folded, tmp_path / "data", shift_images=0).ids) == 8
    table = tmp_path / "table.csv"
    names = sorted(path.relative_to(tmp_path) for path in tmp_path.glob("data/train/*/*.png"))
    rows = [f"{name.as_posix()},{name.parent.name}" for name in names]
    table.write_text("\n".join(["path,label", *rows]))
    assert evaluate(folded, table, split="all", shift_images=0).figures["images"] == 8
    with pytest.raises(OptionError, match="nothing to divide"):
        evaluate(folded, tmp_path / "data", shift_images=0, fold="1/5")
