"""What is lost when every image's pixels are put into one fixed other order."""

from collections.abc import Iterator
from dataclasses import dataclass

from convwise.studies.images.permute import permuted
from convwise.studies.question import Arm, Comparison, Question, Setting
from convwise.studies.questions.dense_or_conv import CONV, dense
from convwise.studies.task import Labels, Pixels, Task, TestSet

PLACE = 4


@dataclass(frozen=True)
class Permuted(Task):
    """All images with their pixels in one fixed other order."""

    order: int = 0

    def training(self, pixels: Pixels, labels: Labels, seed: int) -> tuple[Pixels, Labels]:
        """Return the images in that order; it is the same for all seeds."""
        return permuted(pixels, self.order), labels

    def tests(self, pixels: Pixels, labels: Labels) -> Iterator[TestSet]:
        """Yield the test images in that order."""
        yield TestSet("test", (permuted(pixels, self.order),), labels)


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return both designs on images as they are, and on permuted ones."""
    other = Permuted()
    return (
        Arm("conv", CONV),
        Arm("conv-permuted", CONV, other, note="pixels in another order"),
        Arm("dense", dense(64)),
        Arm("dense-permuted", dense(64), other, note="pixels in another order"),
    )


QUESTION = Question(
    name="structure",
    title="Does the network use that pixels are neighbours?",
    claim="Flattening an image throws its two dimensions away: a dense network would learn as well"
    " from pixels in any fixed order. A CNN lives on neighbourhood.",
    source="LeCun, Bottou, Bengio, Haffner 1998, Gradient-based learning applied to document"
    " recognition, section II; for CNNs on permuted pixels Zhang, Bengio, Hardt, Recht, Vinyals"
    " 2017, Understanding deep learning requires rethinking generalization, section 2.1",
    equal="Training images, their order, epochs, recipe and network; only the order of the pixels"
    " differs, the same one in every image.",
    metric="Accuracy on the test images.",
    reading="The dense network should lose nothing. What the CNN loses is what it owes to"
    " neighbourhood on your images.",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("conv-permuted", "conv"),
        Comparison("dense-permuted", "dense"),
    ),
)
