"""``convwise verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from convwise.cli.output import answers, news, print_json


def verify(
    path: Annotated[
        Path, Parameter(help="A run folder, a model file, or an exported .onnx or .keras file.")
    ],
    /,
    *,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Check that files are what they were; exit 1 when one is not."""
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.ship.verify import verify as verify_path

    found = verify_path(path)
    wrong = [each for each in found if each.problem is not None]
    if json:
        print_json({"ok": not wrong, "files": [each.to_dict() for each in found]})
        return 1 if wrong else 0
    for each in wrong:
        news().print(f"{each.path}: {each.problem}", soft_wrap=True)
    right = len(found) - len(wrong)
    answers().print(f"{right} of {len(found)} checks passed", soft_wrap=True)
    return 1 if wrong else 0
