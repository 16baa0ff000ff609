"""What a training may begin with, and what it may not."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save

from convwise.data import load_data
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.design.zoo import entry
from convwise.errors import DesignError, ModelFileError, OptionError
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modelfile import model_bytes
from convwise.model.pretrained.start import load_start, requested_start
from convwise.model.torchvision_names import torchvision_names
from convwise.model.trained import TrainedModel
from convwise.model.weights import declared_weights, weights_of

TEXT = "conv 4 3 same norm relu | global_avgpool | dense 3"
FORMAT = ImageFormat(10, 12, 3, "stretch", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    model = TrainedModel(build(plan(TEXT, FORMAT, 3), seed=5), FORMAT, tuple("abc"), "mine")
    path = tmp_path / "model.safetensors"
    path.write_bytes(model_bytes(model))
    return path


def mobilenet() -> dict[str, torch.Tensor]:
    found = entry("mobilenetv2")
    declared = declared_weights(plan(found.network, found.image, found.classes))
    names = torchvision_names("mobilenetv2")
    return {theirs: torch.full(declared[ours], 0.5) for theirs, ours in names.items()}


def test_a_model_of_ones_own_brings_network_format_and_weights(model_file: Path) -> None:
    start = load_start(model_file)
    assert (start.name, start.image_format) == ("mine", FORMAT)
    wanted = weights_of(build(plan(TEXT, FORMAT, 3), seed=5))
    assert all(torch.equal(start.weights[name], value) for name, value in wanted.items())
    digest = hashlib.sha256(model_file.read_bytes()).hexdigest()
    assert start.facts() == {
        "name": "mine",
        "source": str(model_file),
        "file": str(model_file),
        "sha256": digest,
    }
    assert load_start(model_file.parent).sha256 == digest
    assert start.redesign() == Network.from_text(TEXT.replace("dense 3", "dense classes"))


def test_a_name_that_would_leave_the_runs_folder_is_tamed(tmp_path: Path) -> None:
    made = build(plan(TEXT, FORMAT, 3))
    path = tmp_path / "m.safetensors"
    path.write_bytes(model_bytes(TrainedModel(made, FORMAT, tuple("abc"), "../../a b/c\0")))
    assert load_start(path).name == "a-b-c"


def test_torchvisions_weights_are_renamed_and_come_with_their_format(tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(save(mobilenet()))
    start = load_start("mobilenetv2", path)
    assert start.image_format.shape == (224, 224, 3)
    assert start.image_format.mean == (0.485, 0.456, 0.406)
    assert start.redesign("mobilenetv2") == entry("mobilenetv2").network
    assert start.facts()["file"] == str(path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"classifier.1.bias": torch.zeros(7)}, r"classifier\.1\.bias is \[7\] instead of \[1000"),
        ({"more.weight": torch.zeros(7)}, r"more\.weight belongs to no layer"),
        ({"classifier.1.bias": torch.full((1000,), torch.nan)}, "dense1.bias holds values"),
    ],
)
def test_a_tensor_that_does_not_fit_is_named(
    change: dict[str, torch.Tensor], words: str, tmp_path: Path
) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(save(mobilenet() | change))
    with pytest.raises(ModelFileError, match=rf"m\.safetensors: .*{words}"):
        load_start("mobilenetv2", path)


def test_torchs_own_files_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "resnet18.pth"
    torch.save({"fc.bias": torch.zeros(3)}, path)
    with pytest.raises(ModelFileError, match=r"resnet18\.pth is no whole safetensors.*pickles"):
        load_start("resnet18", path)


@pytest.mark.parametrize(
    ("start_from", "weights", "error", "words"),
    [
        ("resnet50", None, OptionError, r"give --weights resnet50\.safetensors"),
        ("lenet", "w.safetensors", OptionError, "torchvision has no such network; use alexnet"),
        ("efficientnet-lite0", "w.safetensors", OptionError, "leave it out"),
        ("model.safetensors", "w.safetensors", OptionError, "--weights goes with the name"),
        (None, "w.safetensors", OptionError, "--weights needs --from"),
        ("resnet18", "gone.safetensors", ModelFileError, r"gone\.safetensors cannot be read"),
        ("efficientnet-lite", None, ModelFileError, "did you mean efficientnet-lite0"),
        ("gone/", None, ModelFileError, "give a run folder"),
    ],
)
def test_what_cannot_be_begun_with_is_told(
    start_from: str | None, weights: str | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        requested_start(start_from, weights)


def test_another_network_is_refused_by_its_name(model_file: Path) -> None:
    start = load_start(model_file)
    assert start.redesign(TEXT) == start.redesign()
    with pytest.raises(OptionError, match="the network lenet is not mine, whose weights"):
        start.redesign("lenet")


def test_a_network_without_a_head_is_refused(tmp_path: Path) -> None:
    made = plan("conv 3 1 | global_avgpool", FORMAT, 3)
    path = tmp_path / "headless.safetensors"
    path.write_bytes(model_bytes(TrainedModel(build(made), FORMAT, tuple("abc"))))
    with pytest.raises(DesignError, match="no head to replace"):
        load_start(path).redesign()


def test_the_image_format_is_kept_but_for_what_is_asked(model_file: Path) -> None:
    start = load_start(model_file)
    data = load_data("fashion-mini")
    assert start.prepare(data, {}).format == FORMAT
    asked = start.prepare(data, {"image_size": 8, "resize": "crop"}).format
    assert (asked.shape, asked.resize) == ((8, 8, 3), "crop")
    assert (asked.mean, asked.std) == (FORMAT.mean, FORMAT.std)


def test_decoded_pictures_keep_their_size_and_need_the_channels(model_file: Path) -> None:
    start = load_start(model_file)
    data = load_data("fashion-mini", channels=3, image_size=8)
    few = {split: places[:3] for split, places in data.splits.items()}
    kept = start.prepare(replace(data, splits=few).decode(), {})
    assert kept.dataset.format.shape == (8, 8, 3)
    assert kept.dataset.format.mean == FORMAT.mean
    grey = replace(load_data("fashion-mini"), splits=few)
    with pytest.raises(OptionError, match="takes images of 3 channels, these have 1"):
        start.prepare(grey.decode(), {})
