"""The live view of a training: a bar and a table in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from convwise.cli.clock import clock
from convwise.cli.output import print_json
from convwise.cli.plain_lines import PlainLines
from convwise.training.progress import EpochRecord, Watcher

BLOCKS = "▁▂▃▄▅▆▇█"
SPARKLINE_WIDTH = 24
VISIBLE_EPOCHS = 12


def sparkline(values: list[float], width: int = SPARKLINE_WIDTH) -> str:
    """Return values as a row of block characters, the newest ``width`` of them.

    Example:
        >>> sparkline([1.0, 0.5, 0.0])
        '█▅▁'
    """
    shown = values[-width:]
    low, high = min(shown), max(shown)
    spread = high - low or 1.0
    return "".join(BLOCKS[round((value - low) / spread * (len(BLOCKS) - 1))] for value in shown)


class PlainView(PlainLines, Watcher):
    """One line an epoch, for logs and pipes."""

    def epoch(self, record: EpochRecord) -> None:
        """Print the epoch's line."""
        self._console.print(
            f"epoch {record.epoch}  loss {record.train_loss:.4f}"
            f"  accuracy {record.train_accuracy:.4f}"
            f"  validation {record.validation_accuracy:.4f}"
            f"  {record.images_per_second:,.0f} images/s  {record.seconds:.1f} s",
            soft_wrap=True,
        )


class LiveView(Watcher):
    """A bar, the time left, a sparkline of the loss and a table of epochs, redrawn in place."""

    def __init__(self, console: Console) -> None:
        self._status = Text("reading images")
        self._share = 0.0
        self._start: float | None = None
        self._epochs: int | None = None
        self._losses: list[float] = []
        self._records: list[EpochRecord] = []
        self._last_loss = 0.0
        # Last, because Live asks for something to show at once.
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=6)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def message(self, text: str) -> None:
        """Show the message above the bar, where it stays."""
        self._live.console.print(text)

    def reading(self, done: int, total: int) -> None:
        """Show how many pictures are decoded."""
        self._share = done / total if total else 1.0
        self._status = Text(f"reading images  {done:,} of {total:,}")

    def started(self, epochs: int | None, steps_per_epoch: int, time_limit: float | None) -> None:
        """Start the clock."""
        self._epochs, self._start, self._share = epochs, time.monotonic(), 0.0

    def step(
        self, epoch: int, step: int, share: float, loss: float, images_per_second: float
    ) -> None:
        """Show the step."""
        self._share, self._last_loss = share, loss
        elapsed = time.monotonic() - (self._start or time.monotonic())
        left = elapsed / share * (1 - share) if share > 0 else 0.0
        of = f" of {self._epochs}" if self._epochs else ""
        self._status = Text(
            f"epoch {epoch}{of}  loss {loss:.3f}  {images_per_second:,.0f} images/s"
            f"  {clock(left)} left"
        )
        self._losses.append(loss)
        if len(self._losses) > 4 * SPARKLINE_WIDTH:
            self._losses = self._losses[::2]

    def epoch(self, record: EpochRecord) -> None:
        """Add the epoch to the table."""
        self._records.append(record)

    def _render(self) -> RenderableType:
        bar = Table.grid(padding=(0, 1))
        bar.add_row(
            ProgressBar(total=1.0, completed=self._share, width=16),
            Text(f"{100 * self._share:3.0f} %"),
            self._status,
        )
        parts: list[RenderableType] = []
        if self._records:
            parts.append(self._table())
        parts.append(bar)
        if len(self._losses) > 1:
            line = sparkline(self._losses)
            parts.append(Text.assemble(("loss ", "dim"), (line, "cyan"), f" {self._last_loss:.3f}"))
        return Group(*parts)

    def _table(self) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        for title in (
            "epoch",
            "loss",
            "accuracy",
            "val. loss",
            "val. accuracy",
            "images/s",
            "time",
        ):
            table.add_column(title, justify="right")
        for record in self._records[-VISIBLE_EPOCHS:]:
            table.add_row(
                str(record.epoch),
                f"{record.train_loss:.4f}",
                f"{record.train_accuracy:.4f}",
                f"{record.validation_loss:.4f}",
                f"{record.validation_accuracy:.4f}",
                f"{record.images_per_second:,.0f}",
                clock(record.seconds),
            )
        return table


class JsonView(PlainView):
    """A JSON line an epoch on standard output; messages on standard error."""

    def epoch(self, record: EpochRecord) -> None:
        """Print the record."""
        print_json(record.to_dict())


class NoView(PlainView):
    """Nothing: another process of the same training tells of it."""

    def message(self, text: str) -> None:
        """Say nothing."""

    def epoch(self, record: EpochRecord) -> None:
        """Say nothing."""


def training_view(
    console: Console, *, as_json: bool = False, shown: bool = True
) -> LiveView | PlainView:
    """Return the view that suits the console and the kind of output asked for."""
    if not shown:
        return NoView(console)
    if as_json:
        return JsonView(console)
    return LiveView(console) if console.is_terminal else PlainView(console)
