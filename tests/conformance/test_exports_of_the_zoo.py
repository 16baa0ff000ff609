"""Every export of every family of small networks, and of EfficientNet-Lite0, on files of all kinds.

The small networks are not trained: their weights are the first ones, their statistics those of the
files. EfficientNet-Lite0 has its released weights, with the rows of three of its classes, and 64×64
pixels in the place of 224×224. Bias and temperature are such that labels and probabilities differ
from file to file. ``--to web`` holds the very file of ``--to onnx``
(tests/unit/ship/test_web_folder.py), so it is not tried again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from convwise.data.batches import to_input
from convwise.data.decode import decode_image
from convwise.design import plan, zoo
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.modules import BatchNorm
from convwise.model.pretrained import efficientnet_lite0
from convwise.model.trained import TrainedModel
from convwise.ship import proof
from convwise.ship.export import Export, export, suffix_of
from convwise.ship.probe import write_probes
from convwise.ship.proof import RESIZE_TOLERANCE, TOLERANCE

SMALL = (
    *("fast", "keras-convnet", "lenet", "alexnet-small", "all-cnn-c", "vgg-small", "resnet20"),
    "dense",
)
IMAGES = {name: zoo.entry(name).image for name in SMALL} | {"efficientnet-lite0": (64, 64, 3)}
CLASSES = ("ant", "bee", "crab")
FILES = 54
# A cat, a mug and a palace of ImageNet.
ROWS = (281, 504, 698)
# Standard deviation of a logit over the files, after the temperature.
SPREAD = 1.5


@pytest.fixture(scope="module", params=IMAGES)
def name(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def photos(name: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a proof as a data set: all that was made of a picture is of one class."""
    folder = tmp_path_factory.mktemp(name)
    for label in CLASSES:
        (folder / label).mkdir()
    for file in write_probes(folder, ImageFormat(*IMAGES[name])):
        file.rename(folder / CLASSES[int(file.name[:2]) % len(CLASSES)] / file.name)
    return folder


@pytest.fixture(scope="module")
def model(name: str, photos: Path) -> TrainedModel:
    released = name == efficientnet_lite0.NAME
    image, channels = IMAGES[name], IMAGES[name][2]
    mean, std = (0.4, 0.3, 0.2)[:channels], (0.2, 0.3, 0.4)[:channels]
    if released:
        mean, std = efficientnet_lite0.FORMAT.mean, efficientnet_lite0.FORMAT.std
    image_format = ImageFormat(*image, "pad", mean, std, pad_value=30)
    network = build(plan(name, image_format, len(CLASSES)).require(), seed=3)
    files = sorted(photos.rglob("*.*"))
    pixels = to_input(np.stack([decode_image(file, image_format) for file in files]), image_format)
    values = network.state_dict()
    if released:
        for key, value in efficientnet_lite0.released_weights().items():
            values[key].copy_(value if value.shape == values[key].shape else value[list(ROWS)])
    else:
        measure_statistics(network, pixels)
    with torch.no_grad():
        logits = network.eval()(pixels)
        bias = [each for name, each in values.items() if name.endswith("bias")][-1]
        bias -= logits.median(dim=0).values
    temperature = float(logits.std(dim=0).mean()) / SPREAD
    return TrainedModel(network, image_format, CLASSES, name, temperature=temperature)


def measure_statistics(network: nn.Module, pixels: Tensor) -> None:
    for module in network.modules():
        if isinstance(module, BatchNorm):
            module.momentum_limit = 0.0
    with torch.no_grad():
        network.train()(pixels)


def exported(model: TrainedModel, to: Any, folder: Path, **options: Any) -> Export:
    suffix = suffix_of(to, options.get("runtime"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proof, "SECONDS", 0.0)
        patch.setattr(proof, "BATCHES", (1,))
        return export(model, to, folder / f"m{suffix}", cache=False, **options)


def test_the_answers_differ_from_file_to_file(model: TrainedModel, photos: Path) -> None:
    files = sorted(photos.rglob("*.*"))
    pixels = np.stack([decode_image(file, model.image_format) for file in files])
    answers = proof.torch_runtime(model).answer(pixels)
    assert len(files) == FILES
    assert np.ptp(answers, axis=0).max() > 0.2
    assert len(set(answers.argmax(axis=1))) > 1


@pytest.mark.parametrize("to", ["onnx", "torch", "keras", "openvino"])
def test_an_export_gives_the_models_answers_on_files_of_all_kinds(
    model: TrainedModel, tmp_path: Path, to: str
) -> None:
    table = exported(model, to, tmp_path).to_dict()
    assert table["files"] == FILES
    assert table["max_difference"] <= TOLERANCE
    assert table["agreement"] == 1.0
    assert table["ties"] < FILES / 4
    assert table["latency"] > 0


def test_a_graph_that_resizes_gives_them_too(model: TrainedModel, tmp_path: Path) -> None:
    table = exported(model, "onnx", tmp_path, resize_inside=True).to_dict()
    assert table["max_difference"] <= RESIZE_TOLERANCE
    assert table["agreement"] == 1.0
    assert table["ties"] < FILES / 2


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_int8_gives_a_table_and_keeps_most_labels(
    model: TrainedModel, photos: Path, tmp_path: Path, runtime: str
) -> None:
    options = {"data": photos, "split": "all", "max_loss": 1.0, "runtime": runtime}
    done = exported(model, "int8", tmp_path, **options)
    table = done.to_dict()
    assert table["files"] == 2 * FILES
    assert table["agreement"] > 0.8
    assert table["accuracy"]["images"] == FILES
    assert done.verdict.startswith(("worth it here", "don't", "it depends"))
