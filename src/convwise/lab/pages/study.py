"""The page Study: start a study, and see what it finds while it runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from convwise.errors import OptionError
from convwise.lab.data_choice import data_choices, source_of
from convwise.lab.page import Lab, Page, TheLab
from convwise.lab.queued import command_or_problem, queue_of, shown_entry
from convwise.lab.study_request import StudyRequest
from convwise.lab.training_entry import shown_path
from convwise.lab.views import fragment
from convwise.report.fields import Json, items, mapping, number, text
from convwise.report.wording import moment, shown
from convwise.studies.registry import all_questions

router = APIRouter()
_LARGEST_FILE = 4_000_000
_LONGEST_LINE = 300


def _context(lab: Lab) -> dict[str, Any]:
    return {
        "folder": shown(lab.places.studies.name),
        "data": data_choices(lab.places),
        "questions": list(all_questions().values()),
    }


@router.post("/start")
def start(asked: StudyRequest, lab: TheLab) -> dict[str, Any]:
    """Queue a study.

    Raises:
        OptionError: something asked for cannot be, or the lab was given a single study.
    """
    stem, source = source_of(asked.data, lab.places)
    # So that nothing is made on disk for a request that is wrong.
    asked.arguments(source, Path("study"))
    entry = queue_of(lab).add(
        stem, lambda study: asked.arguments(source, Path(shown_path(study))), _root(lab)
    )
    return shown_entry(entry, lab)


@router.post("/go-on/{study}")
def go_on(study: str, lab: TheLab) -> dict[str, Any]:
    """Queue a study that was stopped, to go on with what is done.

    Raises:
        OptionError: it is in the queue, or no lab began it.
        UnknownIdError: there is no such study any more.
    """
    return shown_entry(queue_of(lab).go_on(lab.places.study(study)), lab)


@router.post("/command")
def command(values: dict[str, Any], lab: TheLab) -> dict[str, str]:
    """Return the command line of a study that is not begun, or the problem with it."""

    def line() -> tuple[str, ...]:
        asked = StudyRequest.model_validate(values)
        stem, source = source_of(asked.data, lab.places)
        study = queue_of(lab).next_folder(stem, _root(lab))
        return asked.arguments(source, Path(shown_path(study)))

    return command_or_problem(line)


def _root(lab: Lab) -> Path:
    """Return the folder of studies.

    Raises:
        OptionError: the lab was given one study: what lies beside it is none of its business.
    """
    root = lab.places.studies
    if (root / "study.json").is_file():
        raise OptionError(
            f"{root.name} is one study; to start others, open the lab with --studies and a folder"
            " of studies"
        )
    return root


@router.get("/queue")
def queue(lab: TheLab) -> dict[str, Any]:
    """Return the queue, and the last line that what runs has printed."""
    entries = queue_of(lab).entries()
    lines = [
        line
        for entry in entries
        if entry.is_active
        for line in queue_of(lab).last_words(entry.id).splitlines()
        if line.strip()
    ]
    return {
        "entries": [shown_entry(entry, lab) for entry in entries],
        "said": shown(lines[-1].strip())[:_LONGEST_LINE] if lines else "",
    }


@router.get("/studies")
def studies(lab: TheLab) -> dict[str, Any]:
    """Return the studies, the newest first."""
    found = [
        line
        for handed, folder in lab.places.study_folders()
        if (line := _line(handed, folder)) is not None
    ]
    return {"studies": sorted(found, key=lambda line: line["created_at"], reverse=True)}


@router.get("/of/{study}")
def of(study: str, lab: TheLab) -> dict[str, Any]:
    """Return what a study has found so far.

    Raises:
        UnknownIdError: there is no such study any more.
        DataError: its files are damaged.
    """
    # Arms are planned and timed with torch, which takes seconds to import.
    from convwise.report.study_page import study_contents
    from convwise.studies.reading import read_study

    found = read_study(lab.places.study(study))
    return {
        "html": fragment("study_result.html.j2", page=study_contents(found.study), so_far=found),
        "done": found.done,
        "wanted": found.wanted,
    }


def _line(handed: str, folder: Path) -> dict[str, Any] | None:
    facts = _facts(folder)
    if facts is None:
        return None
    created = text(facts, "created") or ""
    data = mapping(facts, "data")
    return {
        "id": handed,
        "name": shown(folder.name)[:200],
        "data": shown(text(data, "name") or "–")[:200],
        "created": moment(created) if created else "–",
        "created_at": created,
        "questions": len(items(facts, "questions")),
        "seeds": number(facts, "seeds"),
    }


def _facts(folder: Path) -> Json | None:
    try:
        with (folder / "study.json").open("rb") as file:
            facts = json.loads(file.read(_LARGEST_FILE))
    except (OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


PAGE = Page("study", "Study", router, ("study.css",), _context)
