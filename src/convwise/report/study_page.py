"""tbd."""

from pathlib import Path


def write_study_page(made):
    return made.folder / "study.html"
