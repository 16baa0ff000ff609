"""POST /predict over a real socket: answers, many at once, and too many."""

from __future__ import annotations

import base64
import io
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convwise.data.decode import decode_image
from convwise.evaluation.files import predict_files
from convwise.evaluation.predict import Predictor, predict_probabilities
from convwise.explain.class_map import grad_cam
from convwise.serve.limits import Limits
from serving import (
    CLASSES,
    FORMAT,
    MULTIPART,
    Running,
    file_of,
    multipart,
    picture,
    running,
    small_model,
    write_model,
)

TOLERANCE = 1e-5


def kinds() -> dict[str, bytes]:
    """Return files of every format, with transparency, EXIF and a palette."""
    image = picture(1)
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = image.convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(image.size))
    return {
        **{kind.lower(): file_of(image, kind) for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF")},
        "gif": file_of(image.convert("P"), "GIF"),
        "turned.jpg": file_of(image.resize((90, 40)), "JPEG", exif=exif),
        "alpha.png": file_of(clear),
        "grey.png": file_of(image.convert("L")),
        "photo.jpg": file_of(image.resize((500, 375)), "JPEG"),
    }


def expected(files: list[bytes]) -> NDArray[np.float32]:
    """Return what the model says of each file alone."""
    alone = Predictor(small_model()).probabilities
    pixels = [decode_image(content, FORMAT)[np.newaxis] for content in files]
    return np.concatenate([alone(each) for each in pixels])


def row(answer: dict[str, Any]) -> NDArray[np.float32]:
    return np.array([answer["probabilities"][name] for name in CLASSES], np.float32)


@pytest.mark.parametrize("kind", kinds())
def test_the_answer_is_that_of_convwise_predict(server: Running, kind: str, tmp_path: Path) -> None:
    file = tmp_path / kind
    file.write_bytes(kinds()[kind])
    (told,) = (each.to_dict() for each in predict_files(small_model(), [file]))
    status, found, _ = server.send(file.read_bytes())
    assert status == 200
    (answer,) = found["predictions"]
    assert answer["label"] == told["label"]
    assert answer["probability"] == pytest.approx(told["probability"], abs=TOLERANCE)
    for name, value in answer["probabilities"].items():
        assert value == pytest.approx(told["probabilities"][name], abs=TOLERANCE)
    assert found["model"] == "small"
    assert len(found["version"]) == 12


def test_broken_images_get_a_reason_among_good_ones(server: Running) -> None:
    good = [file_of(picture(number)) for number in range(3)]
    files = [
        ("a.png", good[0]),
        ("cut.png", good[1][:50]),
        ("../../etc/ü.png", good[1]),
        ("empty.png", b""),
        ("words.txt", b"hello"),
        (None, good[2]),
    ]
    status, found, _ = server.send(multipart(files), content_type=MULTIPART)
    assert status == 200
    answers = found["predictions"]
    assert [each["file"] for each in answers] == [name for name, _ in files]
    assert ["error" in each for each in answers] == [False, True, False, True, True, False]
    assert answers[1]["error"] == "the file is cut off"
    rows = expected(good)
    for place, answer in enumerate(each for each in answers if "error" not in each):
        assert row(answer) == pytest.approx(rows[place], abs=TOLERANCE)


def test_a_request_without_a_readable_image_is_a_422_with_reasons(server: Running) -> None:
    status, found, _ = server.send(b"hello")
    assert status == 422
    assert "not a picture" in found["predictions"][0]["error"]
    body = multipart([("a", b"x"), ("b", b"")])
    status, found, _ = server.send(body, content_type=MULTIPART)
    assert status == 422
    assert [each["file"] for each in found["predictions"]] == ["a", "b"]


def test_top_says_how_many_classes_are_named(server: Running) -> None:
    content = file_of(picture(3))
    whole = expected([content])[0]
    for top, count in ((1, 1), (3, 3), (400, len(CLASSES))):
        _, found, _ = server.send(content, f"?top={top}")
        named = found["predictions"][0]["probabilities"]
        assert list(named) == [CLASSES[place] for place in np.argsort(-whole)[:count]]


def test_five_hundred_answers_at_once_are_each_that_of_their_own_image(server: Running) -> None:
    files = [
        file_of(picture(number), ("PNG", "BMP", "WEBP")[number % 3], **lossless)
        for number in range(500)
        for lossless in [{"lossless": True} if number % 3 == 2 else {}]
    ]
    rows = expected(files)
    nearest = np.sort(np.abs(rows[:, None] - rows[None]).max(axis=2), axis=1)[:, 1]
    assert nearest.min() > 4 * TOLERANCE, "two pictures have the same answer: nothing is tested"

    def ask(place: int) -> dict[str, Any]:
        while (answer := server.send(files[place]))[0] == 429:
            time.sleep(0.05)
        assert answer[0] == 200
        found: dict[str, Any] = answer[1]["predictions"][0]
        return found

    with ThreadPoolExecutor(64) as threads:
        answers = list(threads.map(ask, range(len(files))))
    for place, answer in enumerate(answers):
        assert row(answer) == pytest.approx(rows[place], abs=TOLERANCE)
        assert answer["label"] == CLASSES[rows[place].argmax()]


def test_beyond_the_queue_there_are_429s_and_what_was_accepted_is_answered(
    model_file: Path,
) -> None:
    limits = Limits(queue=4, images=4)
    content = file_of(picture(1).resize((900, 900)), "PNG")
    with running({"small": model_file}, limits=limits, decoders=1) as small:
        with ThreadPoolExecutor(24) as threads:
            found = list(threads.map(lambda _: small.send(content), range(120)))
        statuses = Counter(status for status, _, _ in found)
        assert set(statuses) == {200, 429}
        first = next(told for status, told, _ in found if status == 200)
        for status, told, headers in found:
            if status == 200:
                assert row(told["predictions"][0]) == pytest.approx(row(first["predictions"][0]))
            else:
                assert 1 <= int(headers["retry-after"]) <= 30
                assert "wait already" in told["error"]
        assert small.server.service.admission.images == 0
        assert small.server.service.admission.bytes == 0
        # Then it is as it was.
        assert small.send(content)[0] == 200
        five = multipart([(str(number), content) for number in range(5)])
        status, told, _ = small.send(five, content_type=MULTIPART)
        assert status == 413
        assert "more than 4 images" in told["error"]


def test_an_answer_that_takes_too_long_is_a_503(model_file: Path) -> None:
    limits = Limits(answer_seconds=0.05)
    large = file_of(picture(1).resize((3_000, 3_000)), "PNG")
    with running({"small": model_file}, limits=limits, decoders=1) as impatient:
        status, told, headers = impatient.send(large)
        assert status == 503
        assert "no answer within" in told["error"]
        assert "retry-after" in headers
        assert impatient.server.service.admission.images == 0


def test_a_map_of_where_the_network_looked_comes_as_a_picture(server: Running) -> None:
    content = file_of(picture(2))
    status, found, _ = server.send(content, "?explain=grad_cam&top=1")
    assert status == 200
    (answer,) = found["predictions"]
    told = answer["explanation"]
    model = small_model()
    pixels = decode_image(content, FORMAT)
    own = grad_cam(model, pixels, target=answer["label"])
    assert (told["label"], told["layer"]) == (answer["label"], own.layer)
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(told["png"]))))
    assert drawn.shape == (told["height"], told["width"]) == (FORMAT.height, FORMAT.width)
    assert np.abs(drawn - 255 * own.values).max() <= 0.51
    many = multipart([(None, content)] * 9)
    status, told, _ = server.send(many, "?explain=grad_cam", MULTIPART)
    assert status == 413
    assert "at most 8" in told["error"]


def test_each_model_answers_under_its_name_and_the_first_without_one(
    model_file: Path, tmp_path: Path
) -> None:
    other = write_model(tmp_path / "other.safetensors", seed=9)
    content = file_of(picture(4))
    with running({"one": model_file, "two": other}) as both:
        answers = {
            query: both.send(content, query)[1] for query in ("", "?model=one", "?model=two")
        }
        assert answers[""] == answers["?model=one"]
        assert answers["?model=two"]["model"] == "two"
        assert answers["?model=two"]["version"] != answers[""]["version"]
        own = predict_probabilities(small_model(9), decode_image(content, FORMAT)[np.newaxis])[0]
        assert row(answers["?model=two"]["predictions"][0]) == pytest.approx(own, abs=TOLERANCE)
        status, told, _ = both.send(content, "?model=tow")
        assert status == 404
        assert "did you mean two" in told["error"]
        assert both.get("/model?model=two")[1]["models"] == ["one", "two"]


def test_another_runtime_gives_the_same_answers(model_file: Path) -> None:
    pytest.importorskip("onnxruntime")
    contents = [file_of(picture(number)) for number in range(5)]
    with running({"small": model_file}, runtime="onnxruntime") as onnx:
        _, found, _ = onnx.send(multipart([(None, each) for each in contents]), "", MULTIPART)
        assert onnx.get("/model")[1]["runtime"] == "onnxruntime"
    rows = np.array([row(each) for each in found["predictions"]])
    assert rows == pytest.approx(expected(contents), abs=TOLERANCE)
