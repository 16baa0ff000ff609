"""``convwise explain``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from convwise.cli.data_options import DataDir, Download, NoCache
from convwise.cli.new_file import require_new_file
from convwise.cli.output import answers, news, print_json
from convwise.errors import DataError, OptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from convwise.explain.explanation import Explanation
    from convwise.model.trained import TrainedModel

DEFAULT_PAGE = Path("explain.html")
MOST_IMAGES = 24


def explain(
    model: Annotated[Path, Parameter(help="A run folder or a model file.")],
    /,
    *sources: Annotated[
        str, Parameter(help="Image files, a folder of them, or a data set as for train.")
    ],
    target: Annotated[
        str | None, Parameter(help="Class to explain. Default: what the network says.")
    ] = None,
    layer: Annotated[
        str | None, Parameter(help="Whose maps make the class map. Default: the last one's.")
    ] = None,
    place: Annotated[
        str | None,
        Parameter(help="ROW,COLUMN of that map: draw what it sees. Default: the strongest place."),
    ] = None,
    split: Annotated[
        Literal["test", "validation", "train", "all"],
        Parameter(help="Which images of a data set, split as when the model was trained."),
    ] = "test",
    pictures: Annotated[
        int, Parameter(help="Images of a data set to explain one by one, mistakes among them.")
    ] = 6,
    html: Annotated[
        Path | None, Parameter(help="Page to write. Default: explain.html, unless there is --to.")
    ] = None,
    to: Annotated[
        Path | None, Parameter(help="New folder for the page and each picture as a PNG file.")
    ] = None,
    write_labels: Annotated[
        Path | None,
        Parameter(help="CSV table of likely label errors, with a column to fill in."),
    ] = None,
    data_dir: DataDir = None,
    download: Download = False,
    no_cache: NoCache = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Show what a network has learnt, what it looks at, and where it errs."""
    page = _require_writable(html, to, write_labels, as_json=json)
    chosen_place = None if place is None else _place(place)
    if pictures < 0:
        raise OptionError(f"--pictures {pictures} is below 0")
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.explain.explanation import explain as explain_model
    from convwise.explain.sources import images_and_data, load_split
    from convwise.model.modelfile import load_model

    trained = load_model(model)
    files, data = images_and_data(sources)
    if write_labels is not None and data is None:
        raise OptionError("--write-labels needs a data set with labels; give one after the model")
    images, unread = _read(trained, files)
    console = news()
    with console.status("reading", spinner="line") as status:
        loaded = (
            load_split(
                trained, data, split, cache=not no_cache, data_dir=data_dir, download=download
            )
            if data is not None
            else None
        )
        made = explain_model(
            trained,
            images,
            loaded,
            target=_target(trained, target),
            layer=layer,
            place=chosen_place,
            pictures=pictures,
            on_step=status.update,
        )
        written = _write(made, page, to, write_labels)
    if json:
        from convwise.explain.facts import facts_of

        print_json(facts_of(made) | {"unread": unread, "files": list(map(str, written))}, indent=2)
    else:
        _show(made, written)
    return 1 if unread else 0


def _require_writable(
    html: Path | None, to: Path | None, labels: Path | None, *, as_json: bool
) -> Path | None:
    """Return where the page is to be written; None where only other things are wanted."""
    if html is None and to is None and labels is None and not as_json:
        html = DEFAULT_PAGE
    if html is not None:
        require_new_file(html, "--html")
    if labels is not None:
        require_new_file(labels, "--write-labels")
    if to is not None:
        if to.exists():
            raise OptionError(f"{to} exists; nothing is overwritten: choose another name")
        if not to.parent.is_dir():
            raise OptionError(f"{to.parent} is no folder; make it first, or choose another name")
    return html


def _read(
    trained: TrainedModel, files: list[Path]
) -> tuple[list[tuple[str, NDArray[np.uint8]]], list[dict[str, str]]]:
    """Return names and pixels of the files, and those that could not be read with their reasons."""
    from convwise.data.files import printable
    from convwise.explain.subject import picture_of

    images, unread = [], []
    for file in files[:MOST_IMAGES]:
        name = printable(str(file))
        try:
            images.append((name, picture_of(trained, file)))
        except DataError as error:
            unread.append({"path": name, "error": str(error)})
            news().print(str(error), soft_wrap=True)
    if len(files) > MOST_IMAGES:
        news().print(f"the first {MOST_IMAGES} of {len(files):,} images are explained")
    return images, unread


def _place(text: str) -> tuple[int, int]:
    row, _, column = text.partition(",")
    if not (row.strip().isdecimal() and column.strip().isdecimal()):
        raise OptionError(f"--place {text}: write ROW,COLUMN, for example 3,4")
    return int(row), int(column)


def _target(trained: TrainedModel, target: str | None) -> int | str | None:
    """Return a class by its name, or by its place where no class has that name."""
    if target is None or target in trained.classes or not target.isdecimal():
        return target
    return int(target)


def _write(
    made: Explanation, page: Path | None, to: Path | None, labels: Path | None
) -> list[Path]:
    from convwise.explain.fixes import fixes_csv
    from convwise.explain.png_files import write_figures
    from convwise.report.explain_page import explain_page
    from convwise.training.storage import storage_error, write_atomically

    written: list[Path] = []
    if to is not None:
        try:
            to.mkdir()
        except OSError as error:
            raise storage_error(to, error, 0) from None
        written += write_figures(made, to)
    pages = [each for each in (page, None if to is None else to / DEFAULT_PAGE) if each]
    if pages:
        content = explain_page(made, "convwise " + shlex.join(sys.argv[1:]))
        for each in pages:
            # Names of files may hold bytes that are no UTF-8; a page must be.
            write_atomically(each, content.encode("utf-8", "replace"))
        written += pages
    if labels is not None:
        assert made.data is not None
        write_atomically(labels, fixes_csv(made.data))
        written.append(labels)
    return written


def _show(made: Explanation, written: list[Path]) -> None:
    from convwise.report.explain_words import sentences

    console = answers()
    for sentence in sentences(made):
        console.print(sentence, soft_wrap=True)
    for note in made.notes:
        news().print(note, soft_wrap=True)
    pictures = [path for path in written if path.suffix == ".png"]
    if pictures:
        console.print(
            f"figures   {pictures[0].parent}  ({len(pictures)} PNG files)", soft_wrap=True
        )
    for path in written:
        if path.suffix != ".png":
            kind = "page" if path.suffix == ".html" else "labels"
            console.print(f"{kind:<9} {path}", soft_wrap=True)
