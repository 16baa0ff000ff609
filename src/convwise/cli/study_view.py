"""The view of a study: cells done, time left, and verdicts as they firm up."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from convwise.cli.clock import clock
from convwise.cli.plain_lines import PlainLines
from convwise.studies.findings import Answer
from convwise.studies.runner import StudyWatcher


class PlainStudyView(PlainLines, StudyWatcher):
    """One line a cell, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._cells = 0

    def started(self, cells: int, done: int) -> None:
        """Tell how much there is to do."""
        self._cells = cells
        if done:
            self.message(f"{done} of {cells} cells are there already")

    def cell_done(self, name: str, done: int, left: float) -> None:
        """Print the cell's line."""
        self.message(f"cell {done} of {self._cells}  {name}  about {clock(left)} left")

    def answers(self, answers: Sequence[Answer]) -> None:
        """Print what can be said now."""
        for answer in answers:
            if answer.computed is None:
                self.message(f"{answer.question.name}: {answer.sentence}")


class LiveStudyView(PlainStudyView):
    """A bar in place, with the verdicts above it."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=16),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            transient=True,
        )
        self._bar = self._progress.add_task("reading images", total=None, left="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def reading(self, done: int, total: int) -> None:
        """Show how many pictures are decoded."""
        self._progress.update(self._bar, completed=done, total=total)

    def started(self, cells: int, done: int) -> None:
        """Start to count cells."""
        super().started(cells, done)
        self._progress.reset(self._bar, total=cells, completed=done, description="cells", left="")

    def cell_started(self, name: str) -> None:
        """Show which cell it is at."""
        self._progress.update(self._bar, description=name)

    def cell_done(self, name: str, done: int, left: float) -> None:
        """Show the time left."""
        self._progress.update(self._bar, completed=done, left=f"about {clock(left)} left")


def study_view(console: Console) -> PlainStudyView:
    """Return the view that suits the console."""
    return LiveStudyView(console) if console.is_terminal else PlainStudyView(console)
