"""The queue of a lab, as its pages see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from convwise.errors import ConvwiseError
from convwise.lab.page import Lab
from convwise.lab.training_entry import Entry, command_line
from convwise.lab.training_queue import TrainingQueue
from convwise.report.run_list import RUN_FILE


def queue_of(lab: Lab) -> TrainingQueue:
    """Return the queue of a lab."""
    if lab.queue is None:
        runs = lab.places.runs
        folder = runs.parent if (runs / RUN_FILE).is_file() else runs
        lab.queue = TrainingQueue(folder, studies=lab.places.studies)
    return lab.queue


def shown_entry(entry: Entry, lab: Lab) -> dict[str, Any]:
    """Return an entry for a page: it has either ``run`` or ``study``, an id; the other is None."""
    handed = lab.places.hand_out(entry.folder)
    return {
        "id": entry.id,
        "run": None if entry.is_study else handed,
        "study": handed if entry.is_study else None,
        "name": entry.folder.name,
        "command": entry.command,
        "state": entry.state,
        "code": entry.code,
        "message": entry.message,
    }


def command_or_problem(arguments: Callable[[], Sequence[str]]) -> dict[str, str]:
    """Return the command line of something that is not begun, or the problem with it.

    Args:
        arguments: returns what stands behind ``convwise``, or raises what is wrong.
    """
    try:
        return {"command": command_line(arguments())}
    except ValidationError as error:
        first = error.errors()[0]
        return {"problem": f"{'.'.join(map(str, first['loc']))}: {first['msg']}"}
    except ConvwiseError as error:
        return {"problem": str(error)}
