"""The page Train: ask for a training, watch it, stop it, go on with it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from convwise.design import zoo
from convwise.errors import OptionError
from convwise.lab.data_choice import data_choices, source_of
from convwise.lab.page import Lab, Page, TheLab
from convwise.lab.queued import command_or_problem, queue_of, shown_entry
from convwise.lab.run_tail import RunTail
from convwise.lab.training_entry import Entry, shown_path
from convwise.lab.training_request import TrainingRequest
from convwise.training.lock import is_being_written

LOOK_SECONDS = 0.4
# A stream that says nothing for long is taken for dead by what stands between.
QUIET_SECONDS = 15.0
GOES_ON = ("interrupted", "running")
MOST_RUNS = 100

_LOG = logging.getLogger("convwise.lab")
# By whether it is a study.
_AT_THE_END = {
    False: "the training keeps its checkpoint, and what was learnt is scored",
    True: "the study keeps what is done",
}

router = APIRouter()


@asynccontextmanager
async def _lifespan(lab: Lab) -> AsyncIterator[None]:
    queue = queue_of(lab)
    await asyncio.to_thread(queue.open)
    yield
    for entry in queue.entries():
        if entry.is_active:
            _LOG.warning(_AT_THE_END[entry.is_study])
    await asyncio.to_thread(queue.close)


def _context(lab: Lab) -> dict[str, Any]:
    return {"data": data_choices(lab.places), "networks": [zoo.entry(name) for name in zoo.names()]}


@router.post("/start")
def start(asked: TrainingRequest, lab: TheLab) -> dict[str, Any]:
    """Queue a training."""
    stem, source = source_of(asked.data, lab.places)
    # So that nothing is made on disk for a request that is wrong.
    asked.arguments(source, Path("run"))
    entry = queue_of(lab).add(
        f"{stem}-{asked.network_name}", lambda run: asked.arguments(source, Path(shown_path(run)))
    )
    return shown_entry(entry, lab)


@router.post("/command")
def command(values: dict[str, Any], lab: TheLab) -> dict[str, str]:
    """Return the command line of a training that is not begun, or the problem with it."""

    def line() -> tuple[str, ...]:
        asked = TrainingRequest.model_validate(values)
        stem, source = source_of(asked.data, lab.places)
        run = queue_of(lab).next_folder(f"{stem}-{asked.network_name}")
        return asked.arguments(source, Path(shown_path(run)))

    return command_or_problem(line)


@router.post("/resume/{run}")
def resume(run: str, lab: TheLab) -> dict[str, Any]:
    """Queue the continuation of a run."""
    folder = lab.places.run(run)
    if is_being_written(folder):
        raise OptionError(f"{folder.name} is being trained at this moment; stop it first")
    return shown_entry(queue_of(lab).resume(folder), lab)


@router.post("/stop/{which}")
def stop(which: str, lab: TheLab) -> dict[str, Any]:
    """Stop a training, or take it out of the queue."""
    return shown_entry(queue_of(lab).stop(which), lab)


@router.get("/printed/{which}")
def printed(which: str, lab: TheLab) -> dict[str, str]:
    """Return the end of what a training printed."""
    return {"text": queue_of(lab).last_words(which)}


@router.get("/runs")
def runs(lab: TheLab) -> dict[str, Any]:
    """Return the runs that can be watched, the newest first."""
    if not lab.places.runs.is_dir():
        return {"runs": []}
    active = {entry.folder for entry in queue_of(lab).entries() if entry.state != "ended"}
    found = []
    for run in lab.known_runs.listed(lab.places.runs).runs[:MOST_RUNS]:
        folder = Path(run.run)
        written = run.status == "running" and is_being_written(folder)
        found.append(
            {
                "id": lab.places.hand_out(folder),
                "name": folder.name,
                "status": "broken off" if run.status == "running" and not written else run.status,
                "epochs": run.epochs,
                "accuracy": run.test_accuracy,
                "resumable": run.status in GOES_ON and not written and folder not in active,
            }
        )
    return {"runs": found}


@router.get("/stream")
async def stream(lab: TheLab, run: str | None = None) -> StreamingResponse:
    """Send the queue, and all that is new in a run, as server-sent events.

    Args:
        run: an id; the run of the queue's present training where it is left out.
    """
    folder = None if run is None else _run_of(lab, run)
    return StreamingResponse(_events(lab, folder), media_type="text/event-stream")


def _run_of(lab: Lab, run: str) -> Path:
    """Return the folder of a run, which may be that of a training that has yet to make it."""
    for entry in queue_of(lab).entries():
        if not entry.is_study and lab.places.hand_out(entry.folder) == run:
            return entry.folder
    return lab.places.run(run)


async def _events(lab: Lab, folder: Path | None) -> AsyncIterator[str]:
    queue, told, quiet = queue_of(lab), "", 0.0
    tail = None if folder is None else RunTail(folder)
    followed: Path | None = folder
    while not lab.closing.is_set():
        entries = await asyncio.to_thread(queue.entries)
        if folder is None and (latest := _latest(entries)) not in (None, followed):
            assert latest is not None
            tail, followed = RunTail(latest), latest
            yield _event("watching", {"run": lab.places.hand_out(latest), "name": latest.name})
        shown = _event("queue", [shown_entry(entry, lab) for entry in entries])
        news = [] if tail is None else await asyncio.to_thread(list, tail.news())
        quiet += LOOK_SECONDS
        if shown != told:
            told, quiet = shown, 0.0
            yield shown
        for name, content in news:
            quiet = 0.0
            yield _event(name, content)
        if quiet >= QUIET_SECONDS:
            quiet = 0.0
            yield ": nothing new\n\n"
        await asyncio.sleep(LOOK_SECONDS)


def _latest(entries: tuple[Entry, ...]) -> Path | None:
    """Return the run that one wants to see: the present one, or else the last that ran."""
    trainings = [entry for entry in entries if not entry.is_study]
    for entry in trainings:
        if entry.is_active:
            return entry.folder
    ran = [each.folder for each in trainings if each.state == "ended" and each.folder.exists()]
    return ran[-1] if ran else None


def _event(name: str, content: Any) -> str:
    return f"event: {name}\ndata: {json.dumps(content)}\n\n"


PAGE = Page("train", "Train", router, context=_context, lifespan=_lifespan)
