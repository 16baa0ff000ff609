"""The page Compare: runs in a table, their curves, and whether they differ."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from convwise.errors import ConvwiseError
from convwise.lab.page import Page, TheLab
from convwise.lab.run_table import Sorting, run_table
from convwise.lab.views import fragment
from convwise.report.compare_page import STYLES, comparison_contents, learning_curves
from convwise.report.comparison import compare
from convwise.report.run_folder import read_run
from convwise.report.wording import shown

router = APIRouter()
_MOST = STYLES
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@router.get("/runs")
def runs(
    lab: TheLab,
    sort: Sorting = "date",
    words: Annotated[str, Query(max_length=200)] = "",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> dict[str, Any]:
    """Return a part of the table of runs, and what could not be read."""
    return run_table(lab.places, lab.known_runs, sort, words, offset, limit)


class Chosen(BaseModel):
    """Runs by their ids, the one that the others are compared with first."""

    runs: list[str] = Field(min_length=1, max_length=_MOST)


@router.post("/of")
def compared(chosen: Chosen, lab: TheLab) -> dict[str, str]:
    """Return curves of runs over each other, and where they can be compared, the comparison.

    Raises:
        UnknownIdError: there is no such run any more.
        DataError: a run's files are damaged.
    """
    folders = [lab.places.run(handed) for handed in dict.fromkeys(chosen.runs)]
    names = [shown(folder.name) for folder in folders]
    if len(folders) == 1:
        return {"html": _curves_alone(lab, folders, names, "")}
    try:
        comparison = compare(folders)
    except ConvwiseError as error:
        # The message names folders; beside a table of names, their names do.
        told = str(error).replace(f"{lab.places.runs}/", "")
        return {"html": _curves_alone(lab, folders, names, told)}
    page = comparison_contents(comparison)
    rows = [replace(row, run=name) for row, name in zip(page.runs, names, strict=True)]
    page = replace(page, runs=tuple(rows))
    return {"html": fragment("compare_result.html.j2", page=page)}


def _curves_alone(lab: TheLab, folders: list[Path], names: list[str], why: str) -> str:
    histories = [
        (letter, read_run(folder).history)
        for letter, folder in zip(_LETTERS, folders, strict=False)
    ]
    return fragment(
        "compare_curves.html.j2",
        curves=learning_curves(histories),
        runs=[
            {"letter": letter, "style": f"run{place}", "name": name}
            for place, (letter, name) in enumerate(zip(_LETTERS, names, strict=False))
        ],
        why=why,
    )


PAGE = Page("compare", "Compare", router, ("compare.css",), lambda lab: {"most": _MOST})
