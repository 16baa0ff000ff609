"""TrainedModel: a network with all that is needed to use it on pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

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
        data_options: the other options with which it was read and split, as
            ``convwise.data.load_data`` takes them.
        measured: what is known of its quality: ``data``, ``fingerprint`` of the images,
            ``test_accuracy``, ``test_accuracy_interval``, ``test_images``.
    """

    network: ConvNet
    image_format: ImageFormat
    classes: tuple[str, ...]
    name: str = "network"
    temperature: float = 1.0
    seed: int = 0
    data_options: Mapping[str, Any] = field(default_factory=dict)
    measured: Mapping[str, Any] = field(default_factory=dict)
