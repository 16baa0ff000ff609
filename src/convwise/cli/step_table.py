"""The table of where a training step's time goes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from convwise.training.profile import StepProfile


def step_table(profile: StepProfile | None) -> Table | str:
    """Return a row for each kind of work.

    Args:
        profile: of some steps; None where training was too short for one.

    Example:
        >>> step_table(None)
        'training was too short to watch its steps'
    """
    if profile is None:
        return "training was too short to watch its steps"
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(f"a step, {profile.step_ms:.2f} ms")
    table.add_column("watched ms", justify="right")
    table.add_column("share", justify="right")
    for kind, share in profile.shares.items():
        table.add_row(kind, f"{profile.milliseconds[kind]:.2f}", f"{100 * share:.0f} %")
    return table
