"""Templates of the lab, which share parts and styles with the report."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader

from convwise.lab.page import Lab, Page
from convwise.lab.places import UnknownIdError
from convwise.report.page_writer import environment as report_environment
from convwise.report.page_writer import environment_of

SHARED = ("style.css", "layers.css", "design.css", "compare.css", "study.css", "design.js")
"""Files of the report that pages of the lab are shown with."""


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped unless a chart made it."""
    return environment_of(
        ChoiceLoader([PackageLoader("convwise.lab", "templates"), PackageLoader("convwise.report")])
    )


def fragment(template: str, **context: Any) -> str:
    """Return a part of a page as HTML, for a script to put in its place."""
    return environment().get_template(template).render(**context)


def show_page(lab: Lab, page: Page, pages: Sequence[Page]) -> str:
    """Return a page of the lab."""
    context = page.context(lab) if page.context else {}
    return fragment(f"{page.name}.html.j2", page=page, pages=pages, **context)


def report_file(name: str) -> str:
    """Return a style sheet or a script of the report.

    Raises:
        UnknownIdError: it is none of those that the lab uses.
    """
    if name not in SHARED:
        raise UnknownIdError("there is no such file")
    loader = report_environment().loader
    assert loader is not None
    return loader.get_source(report_environment(), name)[0]
