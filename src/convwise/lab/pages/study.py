"""The page Study: what the studies in a folder have found, and find while they run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fastapi import APIRouter

from convwise.lab.page import Page, TheLab
from convwise.lab.views import fragment
from convwise.report.fields import Json, items, mapping, number, text
from convwise.report.wording import moment, shown

router = APIRouter()
_LARGEST_FILE = 4_000_000


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


PAGE = Page(
    "study", "Study", router, ("study.css",), lambda lab: {"folder": shown(lab.places.studies.name)}
)
