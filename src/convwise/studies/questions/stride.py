"""Strides of 1, 2 and 3: accuracy, time, and small detail."""

from collections.abc import Iterator
from dataclasses import dataclass

from convwise.studies.images.detail import with_stripes
from convwise.studies.question import Arm, Comparison, Question, Setting
from convwise.studies.task import Labels, Pixels, Task, TestSet

PLACE = 6
STRIDES = (1, 2, 3)
# So that no test image's patch is the one of a training image.
TEST_SEED = -1


@dataclass(frozen=True)
class Detail(Task):
    """Which way the stripes of a small patch run, somewhere on the user's images."""

    def classes(self, classes: tuple[str, ...]) -> tuple[str, ...]:
        """Return the two ways."""
        return ("level", "upright")

    def training(self, pixels: Pixels, labels: Labels, seed: int) -> tuple[Pixels, Labels]:
        """Return images with patches that are drawn anew for each seed."""
        return with_stripes(pixels, seed)

    def tests(self, pixels: Pixels, labels: Labels) -> Iterator[TestSet]:
        """Yield the test images with patches."""
        marked, ways = with_stripes(pixels, TEST_SEED)
        yield TestSet("test", (marked,), ways)


def _network(stride: int) -> str:
    return (
        f"conv 12 3 {stride} same relu | conv 24 3 same relu | conv 24 3 same relu"
        " | global_maxpool | dense classes"
    )


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return each stride on the user's classes, and on the task of detail."""
    plain = [Arm(f"stride-{stride}", _network(stride)) for stride in STRIDES]
    detail = [
        Arm(f"stride-{stride}-detail", _network(stride), Detail(), note="stripes one pixel wide")
        for stride in STRIDES
    ]
    return (*plain, *detail)


QUESTION = Question(
    name="stride",
    title="How far should the window move?",
    claim="A larger stride is faster, but may lose spatial detail.",
    source="Goodfellow, Bengio, Courville 2016, Deep Learning, section 9.5; Azulay and Weiss 2019,"
    " Why do deep convolutional networks generalize so poorly to small image transformations?",
    equal="Training images, their order, epochs, recipe, depth and parameters; only the first"
    " layer's stride differs.",
    metric="Accuracy on your classes, and on a task of detail made from your images: which way the"
    " stripes of a 6×6 patch run that are one pixel wide.",
    reading="Look at the seconds per epoch beside the differences: what is the speed worth on your"
    " classes, and what on detail?",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("stride-2", "stride-1"),
        Comparison("stride-3", "stride-1"),
        Comparison("stride-2-detail", "stride-1-detail", on="the task of detail"),
        Comparison("stride-3-detail", "stride-1-detail", on="the task of detail"),
    ),
)
