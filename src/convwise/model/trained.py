"""TrainedModel: a network with all that is needed to use it on pictures."""

from __future__ import annotations

from dataclasses import dataclass

from convwise.image import ImageFormat
from convwise.model.build import ConvNet


@dataclass(frozen=True)
class TrainedModel:
    """What a model file holds.

    Args:
        network: gives one logit per class.
        image_format: how a picture becomes the network's input.
        classes: class names, in the order of the logits.
        name: what the network is called, for people.
        temperature: logits are divided by it before the softmax (Guo et al. 2017, section 4.2).
        seed: of the training, with which a data set without splits of its own was split.
    """

    network: ConvNet
    image_format: ImageFormat
    classes: tuple[str, ...]
    name: str = "network"
    temperature: float = 1.0
    seed: int = 0
