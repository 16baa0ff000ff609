"""What a person is told when a training ends, and with which code the command does."""

from __future__ import annotations

import shlex
import signal
from typing import TYPE_CHECKING

from convwise.cli.output import accuracy_line, answers

if TYPE_CHECKING:
    from convwise.training.run import Run

# Both keep a checkpoint and then score what was learnt.
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def exit_code(run: Run) -> int:
    """Return 0, or 128 and the number of the signal that ended the training: 130 or 143."""
    return 0 if run.stopped_by is None else 128 + run.stopped_by


def show_run(run: Run) -> None:
    """Print what a person wants to know at the end."""
    console = answers()
    result = run.facts["result"]
    if run.stopped_by is not None:
        console.print("interrupted: what was learnt until then is kept and scored")
    console.print(f"test accuracy  {accuracy_line(run.test.figures)}", soft_wrap=True)
    console.print(
        f"trained        {result['epochs']} epochs in {result['train_seconds']:.1f} s,"
        f" {result['images_per_second']:,.0f} images/s in {result['precision']}",
        soft_wrap=True,
    )
    skipped = run.facts["data"]["skipped"]
    if skipped:
        console.print(f"skipped        {skipped} files, listed in {run.folder / 'audit.json'}")
    console.print(f"model          {run.folder / 'model.safetensors'}", soft_wrap=True)
    console.print(f"report         {run.folder / 'report.html'}", soft_wrap=True)
    if run.stopped_by is not None:
        folder = shlex.quote(str(run.folder))
        console.print(f"go on with     convwise resume {folder}", soft_wrap=True)
