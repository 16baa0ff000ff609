"""Padding: same or valid, with the object in the middle and at the border."""

from collections.abc import Iterator
from dataclasses import dataclass

from convwise.design.border import border_coverage_map
from convwise.studies.images.place import at_border, on_canvas
from convwise.studies.question import Arm, Comparison, Question, Setting
from convwise.studies.task import Labels, Pixels, Shape, Task, TestSet

PLACE = 7
TEST_SEED = -1


@dataclass(frozen=True)
class Placed(Task):
    """Whole images on a larger canvas: in its middle, or touching one of its edges."""

    margin: int
    border: bool

    def shape(self, image: Shape) -> Shape:
        """Return the canvas's shape."""
        return (image[0] + 2 * self.margin, image[1] + 2 * self.margin, image[2])

    def training(self, pixels: Pixels, labels: Labels, seed: int) -> tuple[Pixels, Labels]:
        """Return the images in their places."""
        return self._placed(pixels, seed), labels

    def tests(self, pixels: Pixels, labels: Labels) -> Iterator[TestSet]:
        """Yield the test images in their places."""
        yield TestSet("test", (self._placed(pixels, TEST_SEED),), labels)

    def _placed(self, pixels: Pixels, seed: int) -> Pixels:
        if self.border:
            return at_border(pixels, self.margin, seed)
        return on_canvas(pixels, self.margin)


def _network(padding: str) -> str:
    return (
        f"conv 12 3 {padding} relu | maxpool 2 | conv 24 3 {padding} relu"
        f" | conv 24 3 {padding} relu | maxpool 2 | global_avgpool | dense classes"
    )


def arms(setting: Setting) -> tuple[Arm, ...]:
    """Return both paddings, with the object in the middle and at the border."""
    margin = max(1, min(setting.image[:2]) // 7)
    made = []
    for place, border in (("middle", False), ("border", True)):
        for padding in ("same", "valid"):
            arm = Arm(f"{padding}-{place}", _network(padding), Placed(margin, border))
            made.append(_told(arm, setting))
    return tuple(made)


def _told(arm: Arm, setting: Setting) -> Arm:
    """Return the arm with its last map and its border coverage as a note."""
    plan = arm.plan(setting)
    last = plan.extractor[-1]
    height, width, _ = last.output_shape
    coverage = border_coverage_map(plan)
    ratio = coverage[0, 0] / coverage[coverage.shape[0] // 2, coverage.shape[1] // 2]
    note = f"last map {height}×{width}; a corner pixel counts {ratio:.3f} of the centre’s"
    return Arm(arm.name, arm.network, arm.task, note=note)


QUESTION = Question(
    name="padding",
    title="Zeros around the map, or none?",
    claim="“same” keeps the map’s size with zeros, and border pixels take part in more windows;"
    " “valid” adds nothing and neglects the border.",
    source="Goodfellow, Bengio, Courville 2016, Deep Learning, section 9.5",
    equal="Training images, their order, epochs, recipe and parameters (the last map is averaged,"
    " so that its size does not count).",
    metric="Accuracy, with the object in the middle of a canvas, and with it moved to one of the"
    " edges (its content kept whole).",
    reading="If padding matters for the border, valid loses more where the object touches it than"
    " where it stands in the middle.",
    arms=arms,
    comparisons=lambda setting: (
        Comparison("valid-border", "same-border", on="objects at the border"),
        Comparison("valid-middle", "same-middle", on="objects in the middle"),
    ),
)
