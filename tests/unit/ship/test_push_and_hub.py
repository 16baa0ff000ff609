from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image

from convwise.cli.main import run
from convwise.errors import ModelFileError, OptionError, RunError
from convwise.evaluation.predict import predict_probabilities
from convwise.model import hub as hub_module
from convwise.model.modelfile import load_model, model_bytes
from convwise.model.trained import TrainedModel
from convwise.ship.push import push
from fake_hub import TOKEN, FakeHub, running

FILE = "model.safetensors"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with running() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        yield served


@pytest.fixture
def file(model: TrainedModel, tmp_path: Path) -> Path:
    (tmp_path / "mine").mkdir()
    path = tmp_path / "mine" / "small.safetensors"
    path.write_bytes(model_bytes(model))
    return path


def test_a_model_that_was_pushed_gives_the_same_answers_by_its_address(
    hub: FakeHub, model: TrainedModel, file: Path, pixels: Any
) -> None:
    done = push(file, "ann/beetles")
    assert hub.private == {"ann/beetles"}
    sent = hub.latest("ann/beetles")
    assert set(sent) == {FILE, "README.md"}
    assert sent[FILE] == file.read_bytes()
    assert b"library_name: convwise" in sent["README.md"]
    assert b"convwise predict hub://ann/beetles photo.jpg" in sent["README.md"]
    assert done.commit is not None
    assert done.commit.startswith(hub.address)
    read = load_model("hub://ann/beetles")
    assert read.classes == model.classes
    np.testing.assert_array_equal(
        predict_probabilities(read, pixels), predict_probabilities(model, pixels)
    )


def test_a_dry_run_tells_what_would_be_sent_and_asks_nothing(
    hub: FakeHub, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert run(["push", str(file), "ann/beetles", "--dry-run", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["commit"] is None
    first = told["files"][0]
    assert first["name"] == FILE
    assert first["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert run(["push", str(file), "ann/beetles", "--dry-run"]) == 0
    assert "nothing was sent" in capsys.readouterr().out
    assert hub.requests == []


def test_the_card_of_a_repository_is_kept_unless_it_shall_be_replaced(
    hub: FakeHub, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.add("ann/beetles", {"README.md": b"my own words"})
    assert run(["push", str(file), "ann/beetles"]) == 0
    assert "--replace-card writes over it" in capsys.readouterr().out
    assert hub.latest("ann/beetles")["README.md"] == b"my own words"
    push(file, "ann/beetles", replace_card=True)
    assert b"library_name" in hub.latest("ann/beetles")["README.md"]


def test_a_repository_is_public_only_where_that_is_said(hub: FakeHub, file: Path) -> None:
    push(file, "ann/open", public=True)
    assert hub.private == set()


def test_a_revision_is_kept_to(hub: FakeHub, model: TrainedModel, file: Path) -> None:
    old = hub.add("ann/beetles", {FILE: file.read_bytes()})
    hub.add("ann/beetles", {FILE: b"damaged"})
    assert load_model(f"hub://ann/beetles@{old}").classes == model.classes
    with pytest.raises(ModelFileError, match="is not a safetensors file"):
        load_model("hub://ann/beetles")
    with pytest.raises(ModelFileError, match="hub://ann/beetles@v9: it has no revision v9"):
        load_model("hub://ann/beetles@v9")


def test_only_the_model_file_is_fetched(hub: FakeHub, file: Path) -> None:
    hub.add("ann/beetles", {FILE: file.read_bytes(), "modeling.py": b"raise SystemExit(9)"})
    load_model("hub://ann/beetles")
    assert {path.rpartition("/")[2] for _, path in hub.requests} == {FILE}


def test_what_was_fetched_once_is_read_without_the_hub(
    hub: FakeHub, file: Path, model: TrainedModel
) -> None:
    commit = hub.add("ann/beetles", {FILE: file.read_bytes()})
    load_model("hub://ann/beetles")
    before = len(hub.requests)
    assert load_model(f"hub://ann/beetles@{commit}").classes == model.classes
    assert len(hub.requests) == before


def test_a_file_that_is_too_large_is_not_fetched(hub: FakeHub, file: Path) -> None:
    hub.add("ann/beetles", {FILE: file.read_bytes()})
    hub.size_said = hub_module.MOST_BYTES + 1
    with pytest.raises(ModelFileError, match="of 4,294,967,297 bytes; at most 4,294,967,296"):
        load_model("hub://ann/beetles")
    assert [kind for kind, _ in hub.requests] == ["HEAD"]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hub://ann/none", "no such model is on the Hub, or it is private"),
        ("hub://ann/empty", f"it holds no {FILE}; convwise push writes one"),
        ("hub://ann", "write hub://owner/name"),
        ("hub://ann/../etc", "write hub://owner/name"),
        ("hub://ann/a@", "write hub://owner/name"),
    ],
)
def test_an_address_without_a_model_is_told(hub: FakeHub, address: str, message: str) -> None:
    hub.add("ann/empty", {"weights.bin": b"pickle"})
    with pytest.raises(ModelFileError, match=message):
        load_model(address)


def test_a_command_takes_an_address(
    hub: FakeHub, file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.add("ann/beetles", {FILE: file.read_bytes()})
    Image.new("RGB", (20, 20), "red").save(tmp_path / "red.png")
    assert run(["predict", "hub://ann/beetles", str(tmp_path / "red.png"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["label"] in ("ant", "bee", "crab")
    assert run(["predict", "hub://ann/none", str(tmp_path / "red.png")]) == 2


def test_a_hub_that_refuses_is_told(
    hub: FakeHub, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(OptionError, match="run hf auth login"):
        push(file, "ann/beetles")
    assert hub.repositories == {}
    with pytest.raises(OptionError, match="write owner/name"):
        push(file, "beetles")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RunError, match="the Hub did not take the model"):
        push(file, "ann/beetles")


def test_what_is_no_model_is_not_pushed(hub: FakeHub, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no model")
    with pytest.raises(ModelFileError):
        push(tmp_path / FILE, "ann/beetles")
    assert hub.requests == []
