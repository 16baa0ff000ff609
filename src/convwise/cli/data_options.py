"""Options that several commands have for the data they read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

DataSource = Annotated[
    str,
    Parameter(
        help="A folder with a folder of images for each class, an archive of them, a"
        " table of paths and labels, an array file, or a named data set."
    ),
]
ImageSize = Annotated[
    int | None, Parameter(help="Side in pixels that a folder's images are resized to.")
]
Group = Annotated[str | None, Parameter(help="Column of a table whose groups are never split.")]
Fold = Annotated[
    str | None,
    Parameter(help="Part of a cross-validation to hold out as test split, such as 2/5."),
]
Nested = Annotated[
    bool,
    Parameter(show_default=False, help="Every folder with images is a class: cat/persian."),
]
DataDir = Annotated[Path | None, Parameter(help="Where to look for a named data set.")]
Download = Annotated[
    bool, Parameter(show_default=False, help="Fetch a named data set if it is not found.")
]
NoCache = Annotated[
    bool, Parameter(show_default=False, help="Decode anew, and keep the pixels in memory.")
]
