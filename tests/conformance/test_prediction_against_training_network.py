"""Networks made ready for prediction against the trained ones: the small zoo, real pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convwise.data import load_data
from convwise.data.batches import to_input
from convwise.data.catalogue import FASHION_MNIST, locate
from convwise.design import zoo
from convwise.design.plan import plan
from convwise.evaluation.predict import Predictor
from convwise.image import ImageFormat
from convwise.model.build import ConvNet, build
from convwise.model.modules import BatchNorm
from convwise.model.trained import TrainedModel
from convwise.training.fit import fit_model
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe

LARGEST_SIDE = 64
# Of the largest logit, in float32: weights are rounded after what was folded into them, and sums
# run over levels up to 255.
TOLERANCE = 1e-5


def small() -> list[str]:
    return [name for name in zoo.names() if max(zoo.entry(name).image[:2]) <= LARGEST_SIDE]


def as_if_trained(network: ConvNet) -> None:
    numbers = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in (module for module in network.modules() if isinstance(module, BatchNorm)):
            norm.moving_mean.normal_(0.0, 0.3, generator=numbers)
            norm.moving_variance.uniform_(0.5, 2.0, generator=numbers)
            if norm.gamma is not None:
                norm.gamma.normal_(1.0, 0.5, generator=numbers)


def unfolded_logits(model: TrainedModel, pixels: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        batches = (pixels[start : start + 256] for start in range(0, len(pixels), 256))
        return np.concatenate(
            [model.network(to_input(each, model.image_format)).numpy() for each in batches]
        )


@pytest.mark.parametrize("name", small())
def test_the_small_zoo_predicts_as_it_was_trained(name: str) -> None:
    entry = zoo.entry(name)
    channels = entry.image[2]
    image_format = ImageFormat(
        *entry.image, mean=(0.5, 0.4, 0.3)[:channels], std=(0.3, 0.25, 0.2)[:channels]
    )
    network = build(plan(name, entry.image, entry.classes), seed=1).eval()
    as_if_trained(network)
    model = TrainedModel(network, image_format, tuple(map(str, range(entry.classes))))
    pixels = np.random.default_rng(0).integers(0, 256, (5, *entry.image), dtype=np.uint8)
    wanted = unfolded_logits(model, pixels)
    largest = np.abs(wanted).max()
    np.testing.assert_allclose(Predictor(model).logits(pixels), wanted, atol=TOLERANCE * largest)


def disagreements(found: np.ndarray, wanted: np.ndarray, tolerance: float) -> int:
    """Count pictures that are labelled otherwise, but for ties: two best logits that close."""
    second, first = np.sort(wanted, axis=1)[:, -2:].T
    clear = first - second > 2 * tolerance
    return int((found.argmax(axis=1) != wanted.argmax(axis=1))[clear].sum())


@pytest.mark.fashion_mnist
@pytest.mark.skipif(
    locate(FASHION_MNIST) is None, reason="the Fashion-MNIST files are not on this machine"
)
def test_all_test_pictures_of_fashion_mnist_are_labelled_alike() -> None:
    decoded = load_data("fashion-mnist").decode()
    test, few = decoded.stores["test"], decoded.stores["train"].select(np.arange(0, 50_000, 20))
    mean, std = few.channel_statistics()
    image_format = ImageFormat(28, 28, 1, mean=mean, std=std)
    text = "conv 16 3 same | maxpool 2 | norm | relu | conv 32 3 norm relu | maxpool 2" + (
        " | flatten | dense classes"
    )
    fitted = fit_model(
        plan(text, image_format, 10),
        few,
        few.select(np.arange(10)),
        image_format=image_format,
        classes=decoded.dataset.classes,
        name="small",
        recipe=Recipe(epochs=2, batch_size=64),
        seed=0,
        precision="fp32",
        watcher=Watcher(),
    )
    found, wanted = (
        Predictor(fitted.model).logits(test.pixels),
        unfolded_logits(fitted.model, test.pixels),
    )
    assert len(found) == 10_000
    assert (wanted.argmax(axis=1) == test.labels).mean() > 0.7
    tolerance = TOLERANCE * float(np.abs(wanted).max())
    assert np.abs(found - wanted).max() <= tolerance
    assert disagreements(found, wanted, tolerance) == 0
