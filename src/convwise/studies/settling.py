"""Settle what a study will be: where it is computed, and how much of it fits its time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from convwise.data.cores import usable_cores
from convwise.studies.computing import Computing, chosen, remembered
from convwise.studies.deadline import Deadline, Key
from convwise.studies.material import Material
from convwise.studies.question import Setting
from convwise.studies.request import Request
from convwise.studies.study_plan import StudyPlan
from convwise.studies.timing import Speed, Timing, mean_speed
from convwise.studies.trial import Scale
from convwise.studies.workers import Workers, results
from convwise.training.recipe import Recipe

# Of the budget: what timing the arms may take; those that are left count as the mean of the others.
TIMING = 0.1


def hired(
    asked: Computing,
    request: Request,
    material: Material,
    before: Mapping[str, Any],
    timings: Sequence[Timing],
    tell: Callable[[str], None],
) -> tuple[Computing, Workers]:
    """Return where cells are computed, and who does it; to be closed.

    Args:
        asked: where, as far as it was asked for.
        request: what is asked of the study.
        material: the images.
        before: content of study.json, whose choice is kept; empty where there is none.
        timings: of all arms.
        tell: takes a message about a race.

    Raises:
        OptionError: the study was begun with another number of threads.
    """
    if before:
        known = before.get("computing", {"processes": 1, "threads": usable_cores()})
        computing = remembered(asked, Computing(**known))
        return computing, computing.workers(material)
    scale = request.wished_scale
    images, recipe = scale.images or material.trainable, Recipe(epochs=scale.epochs)
    trainings = request.wished_seeds * len(timings)
    return chosen(
        asked,
        material,
        timings,
        lambda speed: speed.seconds(recipe, images),
        lambda an_hour: min(request.budget or math.inf, 3_600 * trainings / an_hour),
        tell,
    )


def settled(
    request: Request,
    material: Material,
    before: Mapping[str, Any],
    computing: Computing,
    workers: Workers,
    timings: Sequence[Timing],
    deadline: Deadline,
    tell: Callable[[str], None],
    *,
    fuse: bool,
) -> StudyPlan:
    """Return what the study will be; one that was begun keeps its scale.

    Args:
        request: what is asked of it.
        material: the images.
        before: content of study.json, whose scale is kept; empty where there is none.
        computing: where its cells are computed.
        workers: who does it; they time the arms, where there is a budget.
        timings: of all arms.
        deadline: of the study.
        tell: takes a message.
        fuse: see ``training.fit.fit_model``.
    """
    image = Setting(material.pool.shape, material.classes)
    wished = StudyPlan(
        request.questions,
        image,
        material.trainable,
        request.wished_scale,
        request.wished_seeds,
        computing,
        fuse=fuse,
        keep_models=request.keep_models,
    )
    if request.budget is not None and timings:
        tell("timing each arm for a moment")
        wished = replace(wished, speeds=measured(workers, timings, deadline))
    if before:
        begun, known = Scale(**before["scale"]), int(before["seeds"])
        # A budget was fitted when the study began: the same command goes on with its seeds.
        goes_on = request.seeds is None or request.budget is not None
        return replace(wished, scale=begun, seeds=known if goes_on else request.wished_seeds)
    if not wished.speeds:
        return wished
    return wished.fitted(max(deadline.left, 0.0), workers.places())


def measured(workers: Workers, timings: Sequence[Timing], deadline: Deadline) -> dict[Key, Speed]:
    """Time each arm, those that are alike once; those for which there is no time get the mean.

    Args:
        workers: who does it.
        timings: of all arms.
        deadline: of the study, a tenth of which may be taken.
    """
    alike: dict[Any, Timing] = {}
    for timing in timings:
        alike.setdefault(timing.same, timing)
    until = deadline.share_spent + TIMING
    first, *others = alike.values()
    timed = results(workers, [first])
    timed += results(workers, others, lambda: deadline.share_spent < until)
    known = {job.same: speed for job, speed in timed if isinstance(job, Timing)}
    mean = mean_speed(list(known.values()))
    return {(each.question, each.arm.name): known.get(each.same, mean) for each in timings}
