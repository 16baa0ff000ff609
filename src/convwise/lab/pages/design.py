"""The page Design: a network's text with what it will be, and the bench of one convolution."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from convwise.design import zoo
from convwise.design.advice import advise
from convwise.design.network import Network
from convwise.design.plan import Plan, plan
from convwise.design.source import to_keras, to_torch
from convwise.errors import DesignError, NotationError, OptionError
from convwise.lab.bench_requests import kernel_choices, sample_names
from convwise.lab.bench_requests import router as bench
from convwise.lab.page import Lab, Page
from convwise.lab.views import fragment
from convwise.report.design_page import design_contents

router = APIRouter()
router.include_router(bench, prefix="/bench")

FIRST = "keras-convnet"
_MOST_TEXT = 200_000
# Pixels beside the editor, on a common screen.
_ROOM = 720.0


class Asked(BaseModel):
    """A network as it stands in the editor, and what it is for.

    Args:
        text: in convwise's notation.
        image: (height, width, channels).
        classes: how many.
    """

    text: str = Field(max_length=_MOST_TEXT)
    image: tuple[int, int, int] = (28, 28, 1)
    classes: int = 10

    def plan(self) -> Plan:
        """Return the plan.

        Raises:
            NotationError: the text is no network.
            OptionError: the image or the classes are out of range.
        """
        # Not resolve_network: text of a page must never be taken for a path.
        return plan(Network.from_text(self.text), self.image, self.classes)


class AskedSource(Asked):
    """A network, and for which library its program shall be written."""

    to: Literal["keras", "torch"]


@router.post("/plan")
def planned(asked: Asked) -> dict[str, Any]:
    """Return what the text is: ``advice`` beside the editor, ``result`` with maps and table."""
    try:
        made = asked.plan()
    except NotationError as error:
        return {"advice": _wrong_text(error), "result": None, "line": error.line}
    except (DesignError, OptionError) as error:
        return {"advice": fragment("design_advice.html.j2", message=str(error)), "result": None}
    fixes = []
    if made.problem:
        fixes = [
            {"words": words, "text": network.to_text()}
            for words, network in zip(made.problem.fixes, made.problem.repaired, strict=True)
        ]
    return {
        "advice": fragment(
            "design_advice.html.j2", problem=made.problem, fixes=fixes, warnings=advise(made)
        ),
        "result": fragment("design_result.html.j2", page=design_contents(made, room=_ROOM)),
    }


@router.get("/zoo/{name}")
def zoo_entry(name: str) -> dict[str, Any]:
    """Return a network of the zoo at its usual image size.

    Raises:
        OptionError: there is none of that name.
    """
    entry = zoo.entry(name)
    return {"text": entry.text.strip(), "image": entry.image, "classes": entry.classes}


@router.post("/source")
def source(asked: AskedSource) -> dict[str, str]:
    """Return a program that builds the network without convwise.

    Raises:
        DesignError: the network cannot be built.
    """
    made = asked.plan().require()
    program = to_keras(made) if asked.to == "keras" else to_torch(made)
    return {"source": program, "file": f"network_{asked.to}.py"}


def _wrong_text(error: NotationError) -> str:
    line = error.source or ""
    # The mark stands below the word only where each letter before it takes one column.
    shown = line if line.isascii() and line.isprintable() and len(line) <= 200 else ""
    return fragment(
        "design_advice.html.j2",
        message=error.message,
        place=f"Line {error.line}, column {error.column}",
        excerpt=f"{shown}\n{' ' * (error.column - 1)}^" if shown else "",
    )


def _context(lab: Lab) -> dict[str, Any]:
    entry = zoo.entry(FIRST)
    return {
        "zoo": [zoo.entry(name) for name in zoo.names()],
        "first": entry,
        "kernels": kernel_choices(),
        "samples": sample_names(),
    }


PAGE = Page("design", "Design", router, ("layers.css", "design.css"), _context)
