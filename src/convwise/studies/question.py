"""Question: what is asked, of which arms, with what held equal, and how the answer is read.

A file of ``questions`` defines one and is found by itself; see ``questions.pooling`` for a whole
example.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from convwise.design.plan import Plan, plan
from convwise.studies.task import Pixels, Shape, Task

if TYPE_CHECKING:
    from convwise.model.trained import TrainedModel

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Setting:
    """What is known before a study begins.

    Args:
        image: (height, width, channels) of the user's images.
        classes: their names.
        seconds: that an arm gets which is trained for a time instead of epochs.
    """

    image: Shape
    classes: tuple[str, ...]
    seconds: float = 20.0


@dataclass(frozen=True)
class Arm:
    """One of the designs that are compared.

    Args:
        name: in small letters, digits and hyphens; names its files.
        network: in text notation, or a name from the zoo.
        task: what it is trained and tested on.
        recipe: settings of the recipe that differ from the study's.
        note: a fact that the page shows beside it.
    """

    name: str
    network: str
    task: Task = Task()  # noqa: RUF009 - it is frozen
    recipe: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    def __post_init__(self) -> None:
        _check_name("arm", self.name)

    def plan(self, setting: Setting) -> Plan:
        """Return the network's plan for the task's images and classes.

        Raises:
            DesignError: the network does not fit them.
        """
        classes = self.task.classes(setting.classes)
        return plan(self.network, self.task.shape(setting.image), len(classes)).require()


@dataclass(frozen=True)
class Comparison:
    """An arm against a baseline, on one or several test sets of the same images.

    Args:
        arm: its name.
        baseline: the name of the other arm.
        tests: names of test sets; an image's score is the mean of its scores there.
        on: what they are, in words that follow "on".
    """

    arm: str
    baseline: str
    tests: tuple[str, ...] = ("test",)
    on: str = "the test images"


@dataclass(frozen=True)
class Curve:
    """Test sets along an axis, for a picture: accuracy over where they stand.

    Args:
        title: of the axis, with its unit.
        tests: place on the axis → name of the test set, in order.
        given: also show how many of the images that are right there are right at each place.
    """

    title: str
    tests: Mapping[float, str]
    given: str | None = None


@dataclass(frozen=True)
class Picture:
    """A small grey picture that a trained arm left behind.

    Args:
        title: what it shows.
        pixels: uint8 (height, width).
    """

    title: str
    pixels: Pixels


@dataclass(frozen=True)
class Look:
    """What was seen inside a trained arm.

    Args:
        figures: name with unit → value.
        pictures: shown for the first seed.
    """

    figures: Mapping[str, float] = field(default_factory=dict)
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Computed:
    """An answer that needs no training.

    Args:
        sentence: the answer.
        heads: of the table's columns; the first one names the rows.
        rows: of the table.
        charts: title of the axis upwards (drawn in logarithms) → name → values of a line, in the
            order of ``places``.
        places: along the axis across.
        across: title of that axis, with its unit.
    """

    sentence: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    charts: Mapping[str, Mapping[str, tuple[float, ...]]]
    places: tuple[float, ...]
    across: str

    @property
    def designs(self) -> list[str]:
        """Names of what is compared."""
        return list(next(iter(self.charts.values())))


@dataclass(frozen=True)
class Question:
    """A question about design, to be settled by paired trainings or by computation.

    Args:
        name: in small letters, digits and hyphens.
        title: the question.
        claim: what is commonly held, in one sentence.
        source: where it is held.
        equal: what is the same for all arms.
        metric: what is measured.
        reading: how to read the answer.
        arms: returns the arms for a setting; none where the answer is computed.
        comparisons: returns what is compared, the headline first.
        curve: returns the picture's axis, where there is one.
        look: called with each trained arm's model and the images of its first test set.
        compute: returns the answer of a question without arms.
        published: results by others, to be read beside ours.

    Raises:
        ValueError: the name has other characters.
    """

    name: str
    title: str
    claim: str
    source: str
    equal: str
    metric: str
    reading: str
    arms: Callable[[Setting], tuple[Arm, ...]] = lambda setting: ()
    comparisons: Callable[[Setting], tuple[Comparison, ...]] = lambda setting: ()
    curve: Callable[[Setting], Curve] | None = None
    look: Callable[[TrainedModel, Pixels], Look] | None = None
    compute: Callable[[Setting], Computed] | None = None
    published: str = ""

    def __post_init__(self) -> None:
        _check_name("question", self.name)


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r}: use small letters, digits and single hyphens")
