"""What is asked of a study, and whether it can be done at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convwise.errors import DesignError, OptionError
from convwise.studies.question import Arm, Question, Setting
from convwise.studies.trial import Scale
from convwise.studies.verdict import MARGIN

SEEDS = 5


@dataclass(frozen=True)
class Request:
    """What is asked of a study; see :func:`convwise.studies.study.study`.

    Raises:
        OptionError: a number is out of range.
    """

    questions: tuple[Question, ...]
    seeds: int | None = None
    margin: float = MARGIN
    budget: float | None = None
    images: int | None = None
    epochs: int | None = None
    own: Question | None = None
    keep_models: bool = False

    def __post_init__(self) -> None:
        if not self.questions:
            raise OptionError("name at least one question, or give one of your own")
        for name, least, most in (
            ("seeds", 1, 1_000),
            ("images", 20, 10**9),
            ("epochs", 1, 10_000),
        ):
            value = getattr(self, name)
            if value is not None and not least <= value <= most:
                raise OptionError(f"--{name} {value}: use a number from {least:,} to {most:,}")
        if not 0 < self.margin < 1:
            raise OptionError(f"--margin {self.margin:g}: use a share such as 0.5%")

    @property
    def wished_seeds(self) -> int:
        """How many seeds there would be with time enough."""
        return self.seeds or SEEDS

    @property
    def wished_scale(self) -> Scale:
        """How large the trainings would be with time enough."""
        return Scale(self.images, self.epochs or Scale.epochs)


def require_fit(arms: Mapping[str, Sequence[Arm]], setting: Setting) -> None:
    """Check that every arm's network fits the images, before anything is timed or trained."""
    for question, each in arms.items():
        for arm in each:
            try:
                arm.plan(setting)
            except DesignError as error:
                raise DesignError(
                    f"{error}: the arm {arm.name} of the question {question} does not fit images of"
                    f" {'×'.join(map(str, setting.image))}",
                    fixes=(f"leave {question} out of --questions", "give larger images"),
                ) from None
