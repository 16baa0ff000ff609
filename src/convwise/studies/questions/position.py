"""What becomes of an answer when the object stands somewhere else."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from convwise.studies.images.place import STRAIGHT, on_canvas
from convwise.studies.question import Arm, Comparison, Curve, Question, Setting
from convwise.studies.task import Labels, Pixels, Shape, Task, TestSet

PLACE = 2
MOST_IMAGES = 1_000
DESIGNS = {
    "dense": "flatten | dense 64 relu | dense classes",
    "maxpool": "conv 16 3 same relu | maxpool 2 | conv 32 3 same relu | maxpool 2"
    " | flatten | dense classes",
    "stride": "conv 16 3 2 same relu | conv 32 3 2 same relu | flatten | dense classes",
    "blurpool": "conv 16 3 same relu | maxpool 2 1 same | blurpool 3 2 | conv 32 3 same relu"
    " | maxpool 2 1 same | blurpool 3 2 | flatten | dense classes",
    "global-pool": "conv 16 3 same relu | maxpool 2 | conv 32 3 same relu | maxpool 2"
    " | global_maxpool | dense classes",
}


def largest_offset(image: Shape) -> int:
    """Return the largest offset that is tested: a fifth of the image's shorter side.

    Example:
        >>> largest_offset((28, 28, 1))
        5
    """
    return max(1, min(image[:2]) // 5)


@dataclass(frozen=True)
class Moved(Task):
    """Whole images on a canvas with ``margin`` pixels more on every side.

    Trained on in the middle of it; tested 0…margin pixels away from there, up, down, left and
    right, on at most 1,000 images.
    """

    margin: int

    def shape(self, image: Shape) -> Shape:
        """Return the canvas's shape."""
        return (image[0] + 2 * self.margin, image[1] + 2 * self.margin, image[2])

    def training(self, pixels: Pixels, labels: Labels, seed: int) -> tuple[Pixels, Labels]:
        """Return the images in the middle."""
        return on_canvas(pixels, self.margin), labels

    def tests(self, pixels: Pixels, labels: Labels) -> Iterator[TestSet]:
        """Yield a test set for each offset, named by it."""
        count = min(len(labels), MOST_IMAGES)
        chosen = np.linspace(0, len(labels) - 1, count).astype(np.int64)
        pixels, labels = pixels[chosen], labels[chosen]
        for offset in range(self.margin + 1):
            ways = STRAIGHT if offset else ((0, 0),)
            views = (
                on_canvas(pixels, self.margin, down * offset, right * offset)
                for down, right in ways
            )
            yield TestSet(str(offset), views, labels)


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return each design, trained on centred images and trained on moved ones."""
    task = Moved(largest_offset(setting.image))
    centred = [
        Arm(name, text, task, note="trained on centred images") for name, text in DESIGNS.items()
    ]
    moved = [
        Arm(
            f"{name}-moved",
            text,
            task,
            {"shift": task.margin},
            note=f"trained on images moved by up to {task.margin} pixels",
        )
        for name, text in DESIGNS.items()
    ]
    return (*centred, *moved)


def comparisons(setting: Setting) -> tuple[Comparison, ...]:
    """Return each convolutional design against the dense one, and blur against none."""
    most = largest_offset(setting.image)
    moved = tuple(str(offset) for offset in range(1, most + 1))
    on = f"images moved by 1 to {most} pixels"
    pairs = [(name, "dense") for name in DESIGNS if name != "dense"]
    pairs += [("blurpool", "maxpool"), ("maxpool", "stride"), ("global-pool", "maxpool")]
    pairs += [("maxpool-moved", "dense-moved"), ("dense-moved", "dense")]
    return tuple(Comparison(arm, baseline, moved, on) for arm, baseline in pairs)


def curve(setting: Setting) -> Curve:
    """Return accuracy over the offset."""
    offsets = range(largest_offset(setting.image) + 1)
    return Curve("Offset (pixels)", {offset: str(offset) for offset in offsets}, given="0")


QUESTION = Question(
    name="position",
    title="Does it matter where the object is?",
    claim="To a dense layer an object that has moved is a new object; convolution follows it, and"
    " pooling neutralises small shifts.",
    source="Goodfellow, Bengio, Courville 2016, Deep Learning, sections 9.2 and 9.3; Zhang 2019,"
    " Making convolutional networks shift-invariant again, for the blur",
    equal="Training images, their order, epochs and recipe; the canvas, on which every image lies"
    " whole. Parameters are not equal: the table shows them.",
    metric="Accuracy for each offset of the object, mean over up, down, left and right, on at most"
    f" {MOST_IMAGES:,} of the test images; consistency: of the images that are right in the middle,"
    " how many are still right.",
    reading="Where a curve stays level, the design does not mind where the object is. The arms"
    " named “moved” have seen moved objects in training: what they gain, the data can teach.",
    arms=arms,
    comparisons=comparisons,
    curve=curve,
    published="Zhang 2019 reports that blurring before subsampling raises consistency under shifts"
    " for every architecture tried on CIFAR-10 and ImageNet.",
)
