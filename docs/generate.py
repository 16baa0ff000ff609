"""Write the reference pages that the code itself knows best.

Run: make docs
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from convwise.cli.main import COMMANDS
from convwise.design import zoo
from convwise.design.plan import plan
from convwise.design.summary import render
from convwise.training.recipe import Recipe

REFERENCE = Path(__file__).with_name("reference")
HEAD = "<!-- Written by docs/generate.py; run `make docs` after a change. -->\n\n"

MOST_ROWS = 40


def commands_page() -> str:
    """Return the help of every command, as it reads at 80 columns."""
    parts = [HEAD, "# Commands\n\n", _fenced(_help())]
    for name in COMMANDS:
        parts += [f"\n## convwise {name}\n\n", _fenced(_help(name))]
    return "".join(parts)


def networks_page() -> str:
    """Return every network of the zoo, at its usual image size and number of classes.

    The table of a network of many layers is left to ``convwise design``.
    """
    parts = [HEAD, "# Networks\n\nEach at its usual image size and number of classes.\n"]
    for name in zoo.names():
        entry = zoo.entry(name)
        side = "×".join(map(str, entry.image))
        source = f" Source: {entry.paper}" if entry.paper else ""
        parts.append(
            f"\n## {name}\n\n{entry.title} ({entry.year}; {side}, {entry.classes:,} classes)."
            f"{source}\n\n"
        )
        planned = plan(name, entry.image, entry.classes)
        if len(planned.rows) <= MOST_ROWS:
            parts.append(_fenced(entry.text) + "\n" + _fenced(render(planned)))
        else:
            parts.append(
                f"{len(planned.rows)} layers, {planned.trainable_params:,} trained weights, "
                f"{planned.total_flops:,} FLOPs; `convwise design {name}` shows them.\n"
            )
    return "".join(parts)


def recipe_page() -> str:
    """Return every setting of a recipe, as a file for --config may hold it."""
    lines = [HEAD, "# Settings of a recipe\n\n```text\n"]
    document = (Recipe.__doc__ or "").split("Example:")[0]
    lines += ["\n".join(line.removeprefix("    ") for line in document.strip().splitlines())]
    lines += ["\n```\n\nIn a file for `convwise train --config recipe.toml`:\n\n```toml\n"]
    lines += ['network = "fast"\nepochs = 8\nbatch_size = 128\nlearning_rate = 0.1\n```\n']
    return "".join(lines)


PAGES = {
    "commands.md": commands_page,
    "networks.md": networks_page,
    "recipe.md": recipe_page,
}


def _help(*command: str) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "convwise", *command, "--help"],
        env=os.environ | {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"},
        capture_output=True,
        text=True,
        check=True,
    )
    return result.stdout


def _fenced(text: str) -> str:
    trimmed = "\n".join(line.rstrip() for line in text.strip("\n").splitlines())
    return f"```text\n{trimmed}\n```\n"


def main() -> None:
    """Write all pages."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), encoding="utf-8")
        print(f"wrote {REFERENCE / name}")


if __name__ == "__main__":
    main()
