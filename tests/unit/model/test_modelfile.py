from __future__ import annotations

import dataclasses
import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from PIL import Image

from convwise.design.plan import plan
from convwise.errors import ModelFileError
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import FORMAT_VERSION, MAX_HEADER_BYTES, load_model, model_bytes
from convwise.model.trained import TrainedModel
from convwise.model.weights import declared_weights

NETWORK = """\
conv 4 3 2 same
norm
relu
maxpool 2
residual
  conv 6 3 same
flatten
dense classes
"""
FORMAT = ImageFormat(8, 8, 1, "crop", mean=(0.3,), std=(0.25,), pad_value=7, alpha_background=9)
Facts = dict[str, Any]


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    network = build(plan(NETWORK, FORMAT, 3), seed=3)
    network.norm1.moving_mean += 0.1
    options = {"fold": "2/5", "test": 0.3, "nested": True}
    measured = {"data": "bars", "test_accuracy": 0.5}
    names = ("ä", "b c", "猫")
    return TrainedModel(network.eval(), FORMAT, names, "mine", 1.5, 42, options, measured)


@pytest.fixture(scope="module")
def content(model: TrainedModel) -> bytes:
    return model_bytes(model)


def parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Return a file's header as values, and its tensors."""
    length = struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def joined(header: Any, tensors: bytes) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + tensors


def with_facts(content: bytes, change: Callable[[Facts], object]) -> bytes:
    header, tensors = parts(content)
    facts = json.loads(header["__metadata__"]["convwise"])
    change(facts)
    header["__metadata__"]["convwise"] = json.dumps(facts)
    return joined(header, tensors)


def with_tensors(content: bytes, change: Callable[[dict[str, torch.Tensor]], object]) -> bytes:
    tensors = safetensors.torch.load(content)
    change(tensors)
    metadata = parts(content)[0]["__metadata__"]
    return safetensors.torch.save(tensors, metadata)


def refused(folder: Path, content: bytes, match: str | None = None) -> None:
    path = folder / "some.safetensors"
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match=match) as caught:
        load_model(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_round_trip_is_exact(model: TrainedModel, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "moved and renamed"
    path.write_bytes(content)
    found = load_model(path)
    assert (found.classes, found.name) == (model.classes, model.name)
    assert (found.image_format, found.temperature, found.seed) == (FORMAT, 1.5, 42)
    assert found.data_options == {"fold": "2/5", "test": 0.3, "nested": True}
    assert found.measured == {"data": "bars", "test_accuracy": 0.5}
    assert found.network.plan == model.network.plan
    assert not found.network.training
    for name, value in model.network.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value)
    assert model_bytes(found) == content
    images = torch.randn(5, 1, 8, 8)
    with torch.inference_mode():
        assert torch.equal(found.network(images), model.network(images))


def test_a_run_folder_stands_for_the_model_file_in_it(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(content)
    assert load_model(str(tmp_path)).name == "mine"


def test_the_safetensors_library_reads_the_file(model: TrainedModel, content: bytes) -> None:
    tensors = safetensors.torch.load(content)
    found = {name: tuple(value.shape) for name, value in tensors.items()}
    assert found == declared_weights(model.network.plan)


def test_the_file_holds_texts_and_numbers_only(content: bytes) -> None:
    header, tensors = parts(content)
    facts = json.loads(header["__metadata__"]["convwise"])
    assert facts["format"] == FORMAT_VERSION
    assert facts["classes"] == ["ä", "b c", "猫"]
    ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
    assert max(ends) == len(tensors)


def test_a_missing_file_and_a_folder_without_model_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere\.safetensors does not exist"):
        load_model(tmp_path / "nowhere.safetensors")
    with pytest.raises(ModelFileError, match=r"holds no model\.safetensors"):
        load_model(tmp_path)


def test_a_file_cut_off_anywhere_is_refused(content: bytes, tmp_path: Path) -> None:
    length = 8 + struct.unpack("<Q", content[:8])[0]
    places = {0, 1, 7, 8, 9, length // 2, length - 1, length, length + 1, len(content) - 1}
    places |= set(range(0, len(content), len(content) // 40))
    for place in sorted(places):
        refused(tmp_path, content[:place])


def test_a_file_with_something_behind_it_is_refused(content: bytes, tmp_path: Path) -> None:
    refused(tmp_path, content + b"\0" * 16)


def png() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def archive() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("weights", "0" * 500)
    return stream.getvalue()


class Trap:
    """Unpickling it would leave a mark."""

    def __reduce__(self) -> tuple[object, ...]:
        return (exec, ("import torch; torch.trap_has_sprung = True",))


def pickled() -> bytes:
    stream = io.BytesIO()
    torch.save({"weight": torch.zeros(3), "trap": Trap()}, stream)
    return stream.getvalue()


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"not a model\n" * 50,
        lambda: b"\xff" * 400,
        png,
        archive,
        pickled,
        lambda: safetensors.torch.save({"a": torch.zeros(3)}),
        lambda: safetensors.torch.save({"a": torch.zeros(3)}, {"format": "pt"}),
    ],
    ids=["empty", "text", "ones", "png", "zip", "pickle", "foreign", "foreign-with-metadata"],
)
def test_a_file_of_another_kind_is_refused(make: Callable[[], bytes], tmp_path: Path) -> None:
    refused(tmp_path, make())
    assert not hasattr(torch, "trap_has_sprung")


@pytest.mark.parametrize("length", [2**63, 2**64 - 1, MAX_HEADER_BYTES + 1, 10**9, 0, 1])
def test_a_header_length_that_cannot_be_is_refused_unread(length: int, tmp_path: Path) -> None:
    refused(tmp_path, struct.pack("<Q", length) + b"{" * 100, "is not a safetensors file")


@pytest.mark.parametrize(
    "header",
    [
        b"[" * 50_000,
        b"[]",
        b"null",
        b'{"a": 1',
        b'{"__metadata__": []}',
        b"\xff\xfe{}",
        b"1" * 9_999,
    ],
    ids=["deep", "list", "null", "open", "metadata", "bytes", "number"],
)
def test_a_header_of_another_form_is_refused(header: bytes, tmp_path: Path) -> None:
    refused(tmp_path, joined(header, b""))


def remove(name: str) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda tensors: tensors.pop(name)


def replace(name: str, value: torch.Tensor) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda tensors: tensors.update({name: value})


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (remove("conv1.bias"), "conv1.bias is missing"),
        (replace("extra", torch.zeros(1)), "extra belongs to no layer"),
        (replace("conv1.bias", torch.zeros(5)), "conv1.bias is"),
        (replace("conv1.bias", torch.zeros(4, 1)), "conv1.bias is"),
        (replace("conv1.bias", torch.zeros(4, dtype=torch.float64)), "conv1.bias is not of type"),
        (replace("conv1.bias", torch.zeros(4, dtype=torch.bfloat16)), "conv1.bias is not of type"),
        (replace("conv1.bias", torch.tensor([0, 0, 0, torch.nan])), "conv1.bias holds values"),
        (replace("norm1.gamma", torch.full((4,), torch.inf)), "norm1.gamma holds values"),
    ],
)
def test_tensors_that_do_not_fit_are_named(
    content: bytes,
    tmp_path: Path,
    change: Callable[[dict[str, torch.Tensor]], object],
    match: str,
) -> None:
    refused(tmp_path, with_tensors(content, change), match)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda facts: facts.update(format=2), "format version 2"),
        (lambda facts: facts.update(format="1"), "format version '1'"),
        (lambda facts: facts.update(format=True), "format version True"),
        (lambda facts: facts.update(format=9, written_by="convwise 9.1"), "install convwise 9.1"),
        (lambda facts: facts.update(format="9" * 9_999), "format version '9999"),
        (lambda facts: facts.update(measured={"code": "x"}), "measured figure code"),
        (lambda facts: facts.update(measured=["data"]), "measured figures"),
        (lambda facts: facts.pop("format"), "format version None"),
        (lambda facts: facts.clear(), "format version None"),
        (lambda facts: facts.pop("classes"), "class names"),
        (lambda facts: facts.update(classes="abc"), "class names"),
        (lambda facts: facts.update(classes=["a", "b", 3]), "class names"),
        (lambda facts: facts.update(classes=["a"]), "class names"),
        (lambda facts: facts.update(classes=["a", "b"]), "dense1"),
        (lambda facts: facts.update(classes=["a", "b", "a"]), "class twice"),
        (lambda facts: facts.pop("network"), "network that cannot be"),
        (lambda facts: facts.update(network=None), "network that cannot be"),
        (lambda facts: facts["network"]["layers"].pop(), "network that cannot be"),
        (lambda facts: facts["network"]["layers"].insert(0, {"layer": "Magic"}), "Magic"),
        (lambda facts: facts["network"]["layers"][0].update(filters=10**400), "cannot be"),
        (lambda facts: facts["network"]["layers"][0].update(filters=8), "conv1"),
        (lambda facts: facts["network"]["layers"][0].update(strides=-1), "cannot be"),
        (lambda facts: facts["network"]["layers"].clear(), "cannot be"),
        (lambda facts: facts.pop("image_format"), "cannot be"),
        (lambda facts: facts.update(image_format=[8, 8, 1]), "cannot be"),
        (lambda facts: facts["image_format"].update(height=0), "cannot be"),
        (lambda facts: facts["image_format"].update(height=8.5), "cannot be"),
        (lambda facts: facts["image_format"].update(height="8"), "cannot be"),
        (lambda facts: facts["image_format"].update(std=[0.0]), "cannot be"),
        (lambda facts: facts["image_format"].update(mean=[10**400]), "cannot be"),
        (lambda facts: facts["image_format"].update(colour="blue"), "cannot be"),
        (lambda facts: facts.update(temperature=0), "temperature"),
        (lambda facts: facts.update(temperature=float("nan")), "temperature"),
        (lambda facts: facts.update(temperature="1"), "temperature"),
        (lambda facts: facts.update(seed="0"), "seed"),
        (lambda facts: facts.update(data_options=["fold"]), "data options"),
        (lambda facts: facts.update(data_options={"fold": 2}), "data option fold"),
        (lambda facts: facts.update(data_options={"download": True}), "data option download"),
    ],
)
def test_facts_that_cannot_be_are_refused(
    content: bytes, tmp_path: Path, change: Callable[[Facts], object], match: str
) -> None:
    refused(tmp_path, with_facts(content, change), match)


def test_nothing_is_allocated_for_a_network_whose_tensors_are_not_there(
    content: bytes, tmp_path: Path
) -> None:
    def inflate(facts: Facts) -> None:
        facts["image_format"].update(height=16_384, width=16_384)

    refused(tmp_path, with_facts(content, inflate), "dense1.kernel")


def test_a_map_larger_than_is_ever_computed_is_refused(content: bytes, tmp_path: Path) -> None:
    def inflate(facts: Facts) -> None:
        facts["image_format"].update(height=16_384, width=16_384)
        layers = facts["network"]["layers"]
        layers[0].update(filters=65_536, strides=1)
        layers[-2] = {"layer": "GlobalAveragePooling2D"}

    refused(tmp_path, with_facts(content, inflate), "more than 2,147,483,647")


def test_weights_are_not_allocated_for_a_file_that_ends_before_them(
    content: bytes, tmp_path: Path
) -> None:
    header, tensors = parts(content)
    facts = json.loads(header["__metadata__"]["convwise"])
    facts["image_format"].update(height=4_096, width=4_096)
    header["__metadata__"]["convwise"] = json.dumps(facts)
    features = 1_024 * 1_024 * 6
    header["dense1.kernel"]["shape"] = [3, features]
    refused(tmp_path, joined(header, tensors), r"need 75,4.* bytes, .* are there")


def test_a_header_above_its_bound_is_refused_with_the_bound(tmp_path: Path) -> None:
    refused(tmp_path, joined(b" " * (MAX_HEADER_BYTES + 1), b""), "at most 1,000,000 are read")


def test_a_model_whose_header_nobody_would_read_is_not_written(model: TrainedModel) -> None:
    names = tuple(f"{number:0>400000}" for number in range(3))
    with pytest.raises(ModelFileError, match="shorten the names"):
        model_bytes(dataclasses.replace(model, classes=names))


def test_a_header_that_promises_more_than_the_file_holds_is_refused(
    content: bytes, tmp_path: Path
) -> None:
    header, tensors = parts(content)
    header["conv1.bias"]["data_offsets"] = [0, 2**50]
    refused(tmp_path, joined(header, tensors), "cut off or damaged")


def test_nested_description_beyond_all_measure_is_refused(content: bytes, tmp_path: Path) -> None:
    header, tensors = parts(content)
    header["__metadata__"]["convwise"] = "[" * 100_000
    refused(tmp_path, joined(header, tensors), "no JSON")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "locked.safetensors"
    path.write_bytes(b"1234567890")

    def forbidden(self: Path, *arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", forbidden)
    with pytest.raises(ModelFileError, match="Permission denied"):
        load_model(path)


def test_a_file_without_a_temperature_has_the_temperature_1(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "old.safetensors"
    path.write_bytes(with_facts(content, lambda facts: facts.pop("temperature")))
    assert load_model(path).temperature == 1


def test_a_header_in_another_encoding_than_utf_8_is_refused(tmp_path: Path) -> None:
    header = json.dumps({"__metadata__": {}}).encode("utf-16-le")
    (tmp_path / "m.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(ModelFileError, match="its header is no JSON"):
        load_model(tmp_path / "m.safetensors")
