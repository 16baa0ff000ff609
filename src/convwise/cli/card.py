"""``convwise card``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from convwise.errors import OptionError


def card(
    model: Annotated[Path, Parameter(help="A run folder, a model file or hub://owner/name.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="File to write. Default: standard output.")] = None,
) -> int:
    """Write a model card from what was measured."""
    if out is not None and out.exists():
        raise OptionError(f"--out {out} exists; files are never overwritten, choose another name")
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.ship.card import model_card
    from convwise.training.storage import write_atomically

    text = model_card(model)
    if out is None:
        print(text, flush=True)
    else:
        write_atomically(out, text.encode("utf-8", "backslashreplace"))
    return 0
