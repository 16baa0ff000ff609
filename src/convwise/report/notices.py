"""What a reader must know before believing the page."""

from __future__ import annotations

from convwise.report.fields import Json, items, mapping, number, objects, text
from convwise.report.run_folder import RunFiles
from convwise.report.scores import Scores
from convwise.report.verdict import epochs_done
from convwise.report.wording import count, counted, shown

_ENDINGS = {
    "time limit": "was stopped by its time limit",
    "interrupted": "was interrupted",
    "running": "had not ended when this page was written:",
    "failed": "ended with weights that had run away",
}
_RESUMABLE = ("interrupted", "running", "failed")


def notices(files: RunFiles, scores: Scores | None) -> tuple[str, ...]:
    """Return sentences about a run that did not finish, missing test scores and leaks.

    Example:
        >>> notices(RunFiles("first", {"status": "time limit"}, history=({"epoch": 1},)), None)
        ('This run was stopped by its time limit after epoch 1.',)
    """
    said = []
    status = text(files.run, "status") or "finished"
    if status != "finished":
        said.append(_stopped(status, files))
    said += [_set_back(each) for each in objects(files.run, "setbacks")]
    if scores and scores.split != "test":
        said.append(f"There are no test scores; these are of the {scores.split} images.")
    if leaks := items(files.audit or {}, "leaks"):
        images = counted(len(leaks), "image")
        said.append(f"{images} in two splits at once: the true scores may be lower.")
    return tuple(said)


def _stopped(status: str, files: RunFiles) -> str:
    done = epochs_done(files)
    planned = number(mapping(files.run, "recipe"), "epochs")
    of = f" of {count(planned)}" if planned else ""
    when = f"after epoch {done}{of}" if done else "before its first epoch was complete"
    said = f"This run {_ENDINGS.get(status, f'is “{shown(status)}”')} {when}"
    if status in _RESUMABLE:
        return f"{said}. The last checkpoint is kept in its folder; convwise resume goes on."
    return f"{said}."


def _set_back(setback: Json) -> str:
    reason, place = (shown(text(setback, name) or "?") for name in ("reason", "back_to"))
    factor = number(setback, "learning_rate_factor")
    rate = f" at {factor:g} times the planned learning rate" if factor else ""
    return f"Training ran away ({reason}) and went on from {place}{rate}."
