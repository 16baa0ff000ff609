from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convwise.errors import DataError
from convwise.evaluation import files
from convwise.evaluation.files import image_files, predict_files
from convwise.evaluation.predict import predict_probabilities
from convwise.image import ImageFormat
from convwise.model.trained import TrainedModel


def save(path: Path, picture: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture[..., 0]).save(path)
    return path


def test_folders_give_their_images_by_name_and_files_stay_where_they_are_given(
    tmp_path: Path, pixels: np.ndarray
) -> None:
    for name in ("b/2.png", "a/1.PNG", "b/10.jpg", "c.bmp"):
        save(tmp_path / "in" / name, pixels[0])
    (tmp_path / "in" / "notes.txt").write_text("not an image")
    given = tmp_path / "given.dat"
    given.write_bytes(b"")
    found = image_files([given, tmp_path / "in"])
    names = [path.relative_to(tmp_path).as_posix() for path in found]
    assert names == ["given.dat", "in/a/1.PNG", "in/b/10.jpg", "in/b/2.png", "in/c.bmp"]


def test_hidden_files_of_a_folder_are_left_out(tmp_path: Path, pixels: np.ndarray) -> None:
    save(tmp_path / "in" / "1.png", pixels[0])
    (tmp_path / "in" / "._1.png").write_bytes(b"what macOS leaves on other disks")
    save(tmp_path / "in" / ".thumbnails" / "1.png", pixels[0])
    assert [path.name for path in image_files([tmp_path / "in"])] == ["1.png"]


def test_a_path_that_is_not_there_and_a_folder_without_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png does not exist"):
        image_files([tmp_path / "gone.png"])
    with pytest.raises(DataError, match="holds no image"):
        image_files([tmp_path])


def test_files_get_the_answers_of_their_pixels(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "CHUNK", 4)
    paths = [save(tmp_path / f"{number}.png", pixels[number]) for number in range(10)]
    found = list(predict_files(model, paths))
    assert [each.path for each in found] == paths
    wanted = predict_probabilities(model, pixels[:10])
    ours = np.stack([each.probabilities for each in found if each.probabilities is not None])
    np.testing.assert_allclose(ours, wanted, atol=1e-5)
    values = found[3].to_dict()
    assert values["label"] == model.classes[int(wanted[3].argmax())]
    assert values["probability"] == max(values["probabilities"].values())
    assert list(values["probabilities"]) == list(model.classes)


def test_a_bad_file_is_told_and_the_others_are_answered(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    good = save(tmp_path / "good.png", pixels[0])
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:60])
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    answers = list(predict_files(model, [cut, good, text, tmp_path]))
    assert [each.error is None for each in answers] == [False, True, False, False]
    assert answers[0].to_dict().keys() == {"path", "error"}
    assert all(str(answer.error) for answer in answers)


def test_the_next_files_are_decoded_while_the_model_is_asked_and_no_more_than_those(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number:02}.png" for number in range(20)]
    begun: list[Path] = []
    another, waited_for, seen = threading.Semaphore(0), 0, []

    def decode(file: Path, image_format: ImageFormat) -> np.ndarray:
        begun.append(file)
        another.release()
        return pixels[0]

    def answer(asked: np.ndarray) -> np.ndarray:
        nonlocal waited_for
        while waited_for < min(4 * (len(seen) + 2), len(paths)):
            assert another.acquire(timeout=30), "the next files wait for the answer"
            waited_for += 1
        seen.append(len(begun))
        return np.zeros((len(asked), len(model.classes)), np.float32)

    monkeypatch.setattr(files, "CHUNK", 4)
    monkeypatch.setattr(files, "decode_image", decode)
    assert [each.path for each in predict_files(model, paths, answer=answer)] == paths
    assert seen == [8, 12, 16, 20, 20]


def test_of_large_pictures_few_are_in_memory_at_once(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [save(tmp_path / f"{number}.png", pixels[number]) for number in range(5)]
    together: list[int] = []

    def answer(asked: np.ndarray) -> np.ndarray:
        together.append(len(asked))
        return np.zeros((len(asked), len(model.classes)), np.float32)

    monkeypatch.setattr(files, "CHUNK_BYTES", 2 * pixels[0].nbytes)
    assert [each.path for each in predict_files(model, paths, answer=answer)] == paths
    assert together == [2, 2, 1]


def test_only_bad_files_give_only_errors(model: TrainedModel, tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    (answer,) = predict_files(model, [text])
    assert answer.error


def test_a_file_name_that_is_no_text_can_be_shown(
    model: TrainedModel, pixels: np.ndarray, tmp_path: Path
) -> None:
    path = save(Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png")), pixels[0])
    (answer,) = predict_files(model, [path])
    assert answer.to_dict()["path"].encode() == os.fsencode(tmp_path) + rb"/\xff.png"
