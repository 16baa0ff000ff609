"""study: design questions, settled by paired experiments on the user's own images."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from convwise.data import load_data
from convwise.data.dataset import MAX_BAD, Dataset, Decoded
from convwise.data.pixel_cache import PixelCache
from convwise.errors import OptionError
from convwise.studies.computing import Backend, Computing
from convwise.studies.deadline import Deadline
from convwise.studies.findings import Answer, Finding
from convwise.studies.folder import STUDIES, StudyFolder
from convwise.studies.material import Material
from convwise.studies.own import question_of
from convwise.studies.question import Question
from convwise.studies.registry import chosen_questions
from convwise.studies.request import Request
from convwise.studies.runner import StudyWatcher
from convwise.studies.verdict import MARGIN
from convwise.studies.work import Work


@dataclass(frozen=True)
class Study:
    """What a study came to.

    Args:
        folder: where it lies.
        facts: the content of study.json.
        answers: one for each question.
    """

    folder: Path
    facts: dict[str, Any]
    answers: tuple[Answer, ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What each comparison came to, question by question, headlines first."""
        return tuple(finding for answer in self.answers for finding in answer.findings)

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values, as ``convwise study --json`` prints them."""
        found = [finding.to_json() for finding in self.findings]
        computed: list[dict[str, Any]] = [
            {
                "question": answer.question.name,
                "arms": answer.computed.designs,
                "difference": None,
                "interval": None,
                "verdict": "computed",
                "cost": {},
                "sentence": answer.computed.sentence,
                "table": [list(answer.computed.heads), *map(list, answer.computed.rows)],
            }
            for answer in self.answers
            if answer.computed is not None
        ]
        return {"study": str(self.folder), **self.facts, "findings": [*found, *computed]}

    def to_dataframe(self) -> Any:
        """Return the findings as a pandas DataFrame, a row each.

        Raises:
            OptionError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError:
            raise OptionError("to_dataframe needs pandas; run: pip install pandas") from None
        rows = []
        for finding in self.findings:
            values = finding.to_json()
            low, high = values["interval"] or (math.nan, math.nan)
            arm, baseline = values["arms"]
            rows.append(
                {
                    "question": finding.question,
                    "arm": arm,
                    "baseline": baseline,
                    "on": values["on"],
                    "difference": values["difference"],
                    "low": low,
                    "high": high,
                    "verdict": values["verdict"],
                    "seeds": len(finding.seeds),
                    "images": finding.images,
                }
            )
        return pandas.DataFrame(rows)

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><td>{html.escape(answer.question.name)}</td>"
            f"<td style='text-align:left'>{html.escape(answer.sentence)}</td></tr>"
            for answer in self.answers
        )
        return f"<table><tr><th>question</th><th>verdict</th></tr>{rows}</table>"


def study(
    data: str | Path | Dataset | Decoded,
    questions: Sequence[str | Question] = ("all",),
    seeds: int | None = None,
    *,
    own: Mapping[str, Any] | None = None,
    margin: float = MARGIN,
    budget: float | None = None,
    images: int | None = None,
    epochs: int | None = None,
    out: str | Path | None = None,
    backend: Backend = "local",
    processes: int | None = 1,
    threads: int | None = None,
    watcher: StudyWatcher | None = None,
    command: str = "",
    fuse: bool = True,
    cache: bool = True,
    keep_models: bool = False,
    **data_options: Any,
) -> Study:
    """Answer questions of design by paired experiments on these images.

    A study that was begun in the same folder goes on: cells that are there are not done again.

    Args:
        data: a named data set, a folder of class folders, or a data set that was loaded before.
        questions: their names, or ``all``; questions of your own may stand among them.
        seeds: how many trainings each arm gets; 5, or as many as fit the budget.
        own: a question of your own as ``study.toml`` holds it: ``base`` and ``vary``.
        margin: the smallest difference of interest, as a share.
        budget: seconds for all; seeds, epochs and images are chosen so that it suffices.
        images: that each training gets; all of them unless given.
        epochs: of each training; 10 unless given.
        out: the study's folder; ``studies/<data>`` unless given.
        backend: ``local``, or ``ray`` for the Ray cluster that ``RAY_ADDRESS`` or this process is
            connected to; where there is none, Ray is started here.
        processes: how many trainings at once on this machine. None chooses by a race between one
            that has all cores and one for each core. More than one are spawned: call from a
            module that can be imported, below ``if __name__ == "__main__"``.
        threads: of torch, for each training; unless given, its share of the cores, and 1 on a
            cluster. Bits depend on it, so a study that was begun keeps its own.
        watcher: told about progress.
        command: recorded as the command that repeats the study.
        fuse: compute neighbouring layers together, as trainings do.
        cache: take decoded pixels from the user's cache, and keep them there.
        keep_models: keep every trained network as ``models/QUESTION--ARM--SEED.safetensors``. What
            an arm's network reads is what its task made of an image, a larger canvas say.
        **data_options: passed to ``load_data``.

    Raises:
        DataError: the data cannot be read or learnt from.
        DesignError: an arm's network does not fit the images.
        MissingExtraError: ``backend`` is ``ray``, and it is not installed.
        OptionError: an option cannot be used, or the folder holds another study.
        TrainingError: a training failed, or its process died.
        Interrupted: the user stopped it; what is done is kept.
    """
    deadline = Deadline(budget)
    mine = None if own is None else question_of(own)
    asked = _asked(questions, mine)
    request = Request(asked, seeds, margin, budget, images, epochs, mine, keep_models)
    computing = Computing.asked(backend, processes, threads)
    watcher = watcher or StudyWatcher()
    material = _material(data, watcher, cache, data_options)
    folder = StudyFolder.opened(Path(out) if out else STUDIES / material.name)
    work = Work(request, material, folder, watcher, computing, deadline, command, fuse)
    facts, found = work.run()
    return Study(folder.path, facts, found)


def _asked(questions: Sequence[str | Question], own: Question | None) -> tuple[Question, ...]:
    """Return the questions, each name once."""
    names = [each for each in questions if isinstance(each, str)]
    asked = list(chosen_questions(names)) if names else []
    asked += [each for each in questions if isinstance(each, Question)]
    asked += [own] if own is not None else []
    return tuple({question.name: question for question in asked}.values())


def _material(
    data: str | Path | Dataset | Decoded,
    watcher: StudyWatcher,
    cache: bool,
    data_options: Mapping[str, Any],
) -> Material:
    if isinstance(data, str | Path):
        data = load_data(data, **data_options)
    if isinstance(data, Dataset):
        kept = PixelCache.of_user(watcher.message) if cache else None
        data = data.decode(watcher.reading, cache=kept)
    data.require_learnable(MAX_BAD)
    return Material.of(data)
