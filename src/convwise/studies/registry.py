"""Which questions there are: every module in ``questions`` that defines ``QUESTION``."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence

from convwise.errors import OptionError, did_you_mean
from convwise.studies import questions
from convwise.studies.question import Question


def all_questions() -> dict[str, Question]:
    """Return the questions by name, in the order in which they are best read.

    Example:
        >>> list(all_questions())[:2]
        ['dense-or-conv', 'position']
    """
    found = [
        importlib.import_module(f"{questions.__name__}.{module.name}")
        for module in pkgutil.iter_modules(questions.__path__)
    ]
    found.sort(key=lambda module: (getattr(module, "PLACE", 1_000), module.__name__))
    listed: list[Question] = [module.QUESTION for module in found if hasattr(module, "QUESTION")]
    return {question.name: question for question in listed}


def chosen_questions(names: Sequence[str]) -> tuple[Question, ...]:
    """Return questions by their names, each once; ``all`` stands for every one.

    Raises:
        OptionError: there is no such question, or none is named.
    """
    known = all_questions()
    chosen: dict[str, Question] = {}
    for name in names:
        if name == "all":
            chosen |= known
        elif name in known:
            chosen[name] = known[name]
        else:
            raise OptionError(
                f"--questions {name}: no such question{did_you_mean(name, known)};"
                f" known are {', '.join(known)}, and all"
            )
    if not chosen:
        raise OptionError(f"--questions: name at least one of {', '.join(known)}, or all")
    return tuple(chosen.values())
