"""An explanation as PNG files."""

from __future__ import annotations

from pathlib import Path

from convwise.explain.explanation import Explanation
from convwise.training.storage import write_atomically


def write_figures(explanation: Explanation, folder: Path) -> list[Path]:
    """Write each picture of an explanation as a PNG file.

    Names of images never become names of files: pictures are numbered.

    Args:
        explanation: what is drawn.
        folder: it exists.

    Returns:
        The files.

    Raises:
        StorageError: a file could not be written.
    """
    written = []
    for name, figure in explanation.figures.items():
        path = folder / f"{name}.png"
        write_atomically(path, figure.png())
        written.append(path)
    return written
