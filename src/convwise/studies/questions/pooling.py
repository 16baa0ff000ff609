"""Maximum, average, or no pooling: accuracy clean and under noise, and what is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from convwise.studies.images.noise import noisy
from convwise.studies.question import Arm, Comparison, Curve, Look, Question, Setting
from convwise.studies.task import Labels, Pixels, Task, TestSet

if TYPE_CHECKING:
    from convwise.model.trained import TrainedModel

PLACE = 8
DEVIATIONS = (0, 20, 40, 60)
_POOLS = {"max": "maxpool 2", "average": "avgpool 2", "none": ""}


@dataclass(frozen=True)
class Noisy(Task):
    """The images as they are to train on; with more and more noise to test on."""

    deviations: tuple[int, ...] = DEVIATIONS

    def tests(self, pixels: Pixels, labels: Labels) -> Iterator[TestSet]:
        """Yield a test set for each strength of noise, in grey levels, named by it."""
        for deviation in self.deviations:
            views = (noisy(pixels, level) for level in (deviation,))
            yield TestSet(str(deviation), views, labels)


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return the same convolutions with each kind of pooling."""
    made = []
    for name, pool in _POOLS.items():
        blocks = ["conv 12 3 same relu", pool, "conv 24 3 same relu", pool, "conv 24 3 same relu"]
        text = " | ".join(part for part in (*blocks, "global_avgpool", "dense classes") if part)
        made.append(Arm(name, text, Noisy()))
    return tuple(made)


def look(model: TrainedModel, pixels: Pixels) -> Look:
    """Return how sharp the first maps are behind the first pooling, and three of them."""
    from convwise.studies.maps import first_maps, map_pictures, sharpness

    pooled = any(name.startswith("pool") for name, _ in model.network.named_children())
    maps = first_maps(model, pixels[:: max(1, len(pixels) // 64)], "pool1" if pooled else "conv1")
    return Look(
        {"sharpness of the kept maps": sharpness(maps)},
        map_pictures(maps[:1], pixels[:1]),
    )


QUESTION = Question(
    name="pooling",
    title="Keep the maximum, the average, or everything?",
    claim="Max pooling keeps sharp features such as edges, average pooling smooths; both shrink the"
    " map and save work.",
    source="Goodfellow, Bengio, Courville 2016, Deep Learning, section 9.3; Boureau, Ponce, LeCun"
    " 2010, A theoretical analysis of feature pooling in visual recognition",
    equal="Training images, their order, epochs, recipe, convolutions and parameters (the last map"
    " is averaged). Without pooling the maps stay large, and each place sees less of the image.",
    metric="Accuracy on the test images, clean and with normal noise of 20, 40 and 60 grey levels;"
    " sharpness: mean difference of neighbouring values of the kept maps ÷ their mean.",
    reading="The curve shows how each kind holds under noise; the pictures show what it keeps of"
    " the first test image. Compare the sharpness of max and average alone: neighbours on a map"
    " that was not pooled lie closer together, and differ less for that reason.",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("max", "average", ("0",)),
        Comparison("max", "none", ("0",)),
        Comparison("max", "average", ("20", "40", "60"), "noisy test images"),
        Comparison("max", "none", ("20", "40", "60"), "noisy test images"),
    ),
    curve=lambda setting: Curve(
        "Noise (standard deviation in grey levels of 255)",
        {deviation: str(deviation) for deviation in DEVIATIONS},
    ),
    look=look,
)
