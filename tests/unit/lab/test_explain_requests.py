from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from convwise.evaluation.predict import predict_probabilities
from convwise.explain.class_map import grad_cam
from convwise.explain.feature_maps import feature_maps
from convwise.lab.objects import Picture
from convwise.model.trained import TrainedModel
from lab_client import lab_client, pixels, write_model

DENSE = "flatten | dense 8 relu | dense classes"


@pytest.fixture
def models(tmp_path: Path) -> dict[str, TrainedModel]:
    """One run, and two networks of a study on a canvas of 38×38."""
    study = tmp_path / "studies" / "clothes"
    study.mkdir(parents=True)
    (study / "study.json").write_text(json.dumps({"data": {"source": "fashion-mini"}}))
    canvas = (38, 38, 1)
    classes = (*"abcdefghi", "Ankle boot")
    conv = "conv 4 3 same relu | maxpool 2 | global_maxpool | dense classes"
    return {
        "dense": write_model(
            study / "models" / "position--dense--0.safetensors", DENSE, canvas, classes
        ),
        "pooled": write_model(
            study / "models" / "position--global-pool--0.safetensors", conv, canvas, classes
        ),
        "run": write_model(tmp_path / "runs" / "first" / "model.safetensors", image=(12, 12, 3)),
    }


@pytest.fixture
def client(models: dict[str, TrainedModel], tmp_path: Path) -> Iterator[TestClient]:
    with lab_client(tmp_path) as made:
        yield made


def ids(client: TestClient) -> dict[str, str]:
    found = client.get("/api/explain/models").json()["models"]
    return {model["name"]: model["id"] for model in found}


def asked(client: TestClient, path: str, **values: Any) -> Any:
    answer = client.get(f"/api/explain/{path}", params=values)
    assert answer.status_code == 200, answer.text
    return answer.json()


def posted(client: TestClient, path: str, content: bytes, values: list[tuple[str, str]]) -> Any:
    answer = client.post(f"/api/explain/{path}", params=values, content=content)
    assert answer.status_code == 200, answer.text
    return answer.json()


def levels(packed: dict[str, Any]) -> np.ndarray[Any, Any]:
    return np.frombuffer(base64.b64decode(packed["levels"]), np.uint8)


def test_networks_of_studies_and_of_runs_can_be_chosen(client: TestClient) -> None:
    found = client.get("/api/explain/models").json()["models"]
    assert [(each["name"], each["group"], each["image"]) for each in found] == [
        ("dense, seed 0", "position, study clothes", [38, 38, 1]),
        ("global-pool, seed 0", "position, study clothes", [38, 38, 1]),
        ("first", "Runs", [12, 12, 3]),
    ]


def test_what_is_no_model_is_left_out(client: TestClient, tmp_path: Path) -> None:
    for name, content in (("empty", b""), ("noise", b"\0" * 500), ("text", b"no model")):
        (tmp_path / "runs" / name).mkdir()
        (tmp_path / "runs" / name / "model.safetensors").write_bytes(content)
    (tmp_path / "runs" / "begun").mkdir()
    assert len(ids(client)) == 3


def test_both_networks_answer_as_they_do_elsewhere(
    client: TestClient, models: dict[str, TrainedModel]
) -> None:
    known, canvas = ids(client), pixels((38, 38, 1))
    values = [("model", known["dense, seed 0"]), ("model", known["global-pool, seed 0"])]
    values += [("layer", ""), ("layer", "conv1"), ("class_map", "true")]
    dense, pooled = posted(client, "look", canvas.tobytes(), values)["nets"]
    for found, name in ((dense, "dense"), (pooled, "pooled")):
        wanted = predict_probabilities(models[name], canvas[np.newaxis])[0]
        best = np.argsort(-wanted)[:5]
        assert [each["label"] for each in found["best"]] == [
            models[name].classes[place] for place in best
        ]
        assert [each["probability"] for each in found["best"]] == pytest.approx(
            wanted[best].tolist(), abs=1e-6
        )
    assert "no layer of this network leaves a map" in dense["class_map"]["problem"]
    assert "maps" not in dense
    maps = feature_maps(models["pooled"], canvas, "conv1")
    assert levels(pooled["maps"]).reshape(maps.shape) == pytest.approx(
        255 * maps / maps.max(), abs=0.51
    )
    wanted_map = grad_cam(models["pooled"], canvas).values
    assert levels(pooled["class_map"]).reshape(38, 38) == pytest.approx(255 * wanted_map, abs=0.51)


def test_a_canvas_of_another_size_is_refused(client: TestClient) -> None:
    known = ids(client)
    answer = client.post("/api/explain/look", params={"model": known["first"]}, content=b"123")
    assert answer.status_code == 400
    assert "3 bytes came" in answer.json()["message"]
    both = [("model", known["first"]), ("model", known["dense, seed 0"])]
    answer = client.post("/api/explain/look", params=both, content=b"123")
    assert "choose two of one size" in answer.json()["message"]


def test_only_ids_that_were_handed_out_are_known(client: TestClient, tmp_path: Path) -> None:
    for name in ("../../etc/passwd", str(tmp_path / "runs" / "first"), "", "AAAA"):
        answer = client.post("/api/explain/look", params={"model": name}, content=b"")
        assert answer.status_code == 404


def test_the_map_of_all_places_says_what_the_canvas_says(
    client: TestClient, models: dict[str, TrainedModel]
) -> None:
    known = ids(client)
    shoe = np.zeros((28, 28, 1), np.uint8)
    shoe[10:20, 4:24] = pixels((10, 20, 1))
    values = [("model", known["dense, seed 0"]), ("model", known["global-pool, seed 0"])]
    values += [("height", "28"), ("width", "28"), ("label", "Ankle boot")]
    found = posted(client, "everywhere", shoe.tobytes(), values)
    assert found["label"] == "Ankle boot"
    tops, lefts = found["tops"], found["lefts"]
    picture = Picture.of(shoe)
    for row, column in ((0, 0), (3, 5), (len(tops) - 1, len(lefts) - 1)):
        canvas = picture.on_canvas(38, 38, tops[row], lefts[column])[np.newaxis]
        for net, name in zip(found["nets"], ("dense", "pooled"), strict=True):
            wanted = predict_probabilities(models[name], canvas)[0]
            assert net["probability"][row][column] == pytest.approx(wanted[9], abs=1e-4)
            assert net["right"][row][column] == (wanted.argmax() == 9)
    share = np.mean(found["nets"][0]["right"])
    assert found["nets"][0]["share"] == pytest.approx(share)


def test_pictures_come_from_the_test_split_at_their_own_size(client: TestClient) -> None:
    known = ids(client)
    found = asked(client, "pictures", model=known["dense, seed 0"])["pictures"]
    assert len(found) == 24
    assert len({each["label"] for each in found}) == 10
    again = asked(client, "pictures", model=known["dense, seed 0"], turn=1)["pictures"]
    assert {each["place"] for each in again} != {each["place"] for each in found}
    first = found[0]
    shown = asked(client, "object", model=known["dense, seed 0"], place=first["place"])
    assert (shown["height"], shown["width"], shown["label"]) == (28, 28, first["label"])
    png = Image.open(io.BytesIO(base64.b64decode(first["png"].partition(",")[2])))
    assert np.asarray(png).tobytes() == base64.b64decode(shown["pixels"])


def test_data_that_the_lab_was_not_given_is_not_read(client: TestClient, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    (secret / "a").mkdir(parents=True)
    Image.new("L", (4, 4)).save(secret / "a" / "x.png")
    run = {"data": {"source": str(secret), "asked": {"path": str(secret)}}}
    (tmp_path / "runs" / "first" / "run.json").write_text(json.dumps(run))
    found = asked(client, "pictures", model=ids(client)["first"])
    assert found["pictures"] == []
    assert "was not given the pictures" in found["problem"]


def test_a_picture_of_the_user_fits_the_canvas_whole(client: TestClient) -> None:
    known, file = ids(client), io.BytesIO()
    Image.fromarray(pixels((60, 30, 3))).save(file, "PNG")
    upload = posted(client, "upload", file.getvalue(), [])["id"]
    found = asked(client, "object", model=known["first"], upload=upload)
    assert (found["height"], found["width"], found["channels"]) == (12, 6, 3)
    smaller = asked(client, "object", model=known["first"], upload=upload, side=8)
    assert (smaller["height"], smaller["width"]) == (8, 4)


@pytest.mark.parametrize("content", [b"", b"<script>", b"\x89PNG\r\n\x1a\nno more"])
def test_what_is_no_picture_is_refused(content: bytes, client: TestClient) -> None:
    answer = client.post("/api/explain/upload", content=content)
    assert answer.status_code == 400
    assert answer.json()["message"]
