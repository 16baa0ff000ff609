"""Fill the concept pages with their figures, tables and the output of their commands.

The prose in docs/concepts/ is written by hand. What convwise can compute stands between marks

    <!-- table NAME -->
    <!-- end of table -->

or behind the ``$ convwise …`` line of a ``console`` block, and is written here, as are the
pictures in docs/concepts/figures/.

Run: make docs
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from concept_figures import classifier, dense, padding, pooling, stride, stride_or_pooling

from convwise.cli.main import run

CONCEPTS = Path(__file__).with_name("concepts")
FOLDER = CONCEPTS / "figures"
MODULES = (dense, classifier, stride, padding, pooling, stride_or_pooling)

Makers = dict[str, Callable[[], str]]
FIGURES: Makers = {name: make for module in MODULES for name, make in module.FIGURES.items()}
TABLES: Makers = {name: make for module in MODULES for name, make in module.TABLES.items()}

_TABLE = re.compile(r"(<!-- table (?P<name>[\w-]+) -->\n).*?(<!-- end of table -->)", re.DOTALL)
_CONSOLE = re.compile(r"(```console\n\$ (?P<command>convwise [^\n]*)\n).*?(```\n)", re.DOTALL)


def pages() -> list[Path]:
    """Return the hand-written pages."""
    return sorted(CONCEPTS.glob("*.md"))


def filled(page: str) -> str:
    """Return a page's text with its tables and command outputs made anew.

    Raises:
        KeyError: the page names a table that nothing makes.
    """
    page = _TABLE.sub(lambda found: f"{found[1]}\n{TABLES[found['name']]()}\n{found[3]}", page)
    return _CONSOLE.sub(lambda found: found[1] + output(found["command"]) + found[3], page)


def output(command: str) -> str:
    """Return what a ``convwise …`` command prints on standard output, 80 columns wide.

    Raises:
        ValueError: it prints nothing there, so it was no good command.
    """
    printed, news = io.StringIO(), io.StringIO()
    surroundings = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}
    with (
        mock.patch.dict(os.environ, surroundings),
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(news),
    ):
        run(shlex.split(command)[1:])
    if not printed.getvalue():
        raise ValueError(f"{command}: {news.getvalue()}")
    return "".join(f"{line.rstrip()}\n" for line in printed.getvalue().splitlines())


def main() -> None:
    """Write all figures, and fill all pages."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in FIGURES.items():
        (FOLDER / name).write_text(make(), encoding="utf-8")
        print(f"wrote {FOLDER / name}")
    for path in pages():
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
        print(f"filled {path}")


if __name__ == "__main__":
    main()
