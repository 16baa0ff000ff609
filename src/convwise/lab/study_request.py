"""A study as the page asks for it, and the command line that does it."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from convwise.lab.training_entry import positional
from convwise.studies.registry import chosen_questions
from convwise.training.recipe import parse_duration


class StudyRequest(BaseModel):
    """What the page Study sends.

    Args:
        data: a name of the catalogue, or an id of data that the lab was given.
        questions: names of questions, or ``all``.
        budget: time for everything, such as ``10m``; seeds, epochs and images are fitted to it.
        seeds: trainings of each arm.
        epochs: of each training.
        images: to train on.
        processes: trainings at once.
        threads: of torch, for each training.
        keep_models: whether the trained networks are kept, for the page Explain.

    Example:
        >>> asked = StudyRequest(data="fashion-mini", questions=["position"], budget="5m")
        >>> asked.arguments("fashion-mini", Path("studies/a"))[:6]
        ('study', 'fashion-mini', '--questions', 'position', '--budget', '5m')
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    data: str = Field(min_length=1, max_length=200)
    questions: tuple[str, ...] = Field(max_length=100)
    budget: str | None = Field(None, max_length=20)
    seeds: int | None = Field(None, ge=1, le=1_000)
    epochs: int | None = Field(None, ge=1, le=10_000)
    images: int | None = Field(None, ge=20, le=10**9)
    processes: int | None = Field(None, ge=1, le=1024)
    threads: int | None = Field(None, ge=1, le=1024)
    keep_models: bool = False

    def arguments(self, data: str, out: Path) -> tuple[str, ...]:
        """Return what stands behind ``convwise`` on the command line.

        Args:
            data: the catalogue's name or the path that ``self.data`` stands for.
            out: the folder of the study.

        Raises:
            OptionError: there is no such question, none is named, or the budget is no duration.
        """
        chosen_questions(self.questions)
        words = ["study", positional(data), "--questions", ",".join(self.questions)]
        if self.budget is not None:
            parse_duration(self.budget)
            words += ["--budget", self.budget]
        for flag, value in (
            ("--seeds", self.seeds),
            ("--epochs", self.epochs),
            ("--images", self.images),
            ("--processes", self.processes),
            ("--threads", self.threads),
        ):
            if value is not None:
                words += [flag, str(value)]
        if self.keep_models:
            words.append("--keep-models")
        return (*words, "--out", str(out))
