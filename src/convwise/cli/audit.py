"""``convwise audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from convwise.cli.output import answers, news, print_json
from convwise.errors import OptionError

if TYPE_CHECKING:
    from convwise.data.audit.findings import Audit
    from convwise.data.dataset import Dataset, Decoded


def audit(
    data: Annotated[
        str,
        Parameter(
            help="A folder with a folder of images for each class, an archive of them, a"
            " table of paths and labels, an array file, or a named data set."
        ),
    ],
    /,
    *,
    html: Annotated[
        Path | None, Parameter(help="Write a page with pictures of each finding.")
    ] = None,
    write_table: Annotated[
        Path | None, Parameter(help="Write a CSV table without the offenders, for train to read.")
    ] = None,
    no_near: Annotated[
        bool, Parameter(show_default=False, help="Do not look for near duplicates.")
    ] = False,
    max_pixels: Annotated[
        int, Parameter(help="Images that state more pixels are not decoded.")
    ] = 100_000_000,
    image_size: Annotated[
        int | None, Parameter(help="Side in pixels that a folder's images are resized to.")
    ] = None,
    group: Annotated[
        str | None, Parameter(help="Column of a table whose groups are never split.")
    ] = None,
    seed: Annotated[int, Parameter(help="Of the splits that are made.")] = 0,
    data_dir: Annotated[Path | None, Parameter(help="Where to look for a named data set.")] = None,
    download: Annotated[
        bool, Parameter(show_default=False, help="Fetch a named data set if it is not found.")
    ] = False,
    no_cache: Annotated[
        bool, Parameter(show_default=False, help="Decode anew, and keep the pixels in memory.")
    ] = False,
    json: Annotated[
        bool, Parameter(show_default=False, help="Print one JSON document of all findings.")
    ] = False,
) -> int:
    """Find damaged, doubled, leaking and odd images; change nothing."""
    if max_pixels < 1:
        raise OptionError(f"--max-pixels {max_pixels} is below 1")
    for path in (html, write_table):
        if path is not None:
            _refuse(path)
    from convwise.data.load import load_data

    dataset = load_data(
        data,
        data_dir=data_dir,
        download=download,
        group=group,
        image_size=image_size,
        seed=seed,
    )
    decoded, found = _look(dataset, max_pixels, near=not no_near, cache=not no_cache)
    listed = None
    if write_table is not None:
        from convwise.data.audit.clean_table import write_clean_table

        listed = write_clean_table(decoded, found, write_table)
    if html is not None:
        _write_page(found, decoded, html)
    if json:
        print_json(found.to_json(), indent=2)
    else:
        from convwise.cli.audit_view import audit_view

        answers().print(audit_view(found, data))
    if listed is not None:
        news().print(f"table          {write_table}  ({listed:,} images)", soft_wrap=True)
    if html is not None:
        news().print(f"page           {html}", soft_wrap=True)
    return 0


def _refuse(path: Path) -> None:
    if path.exists():
        raise OptionError(f"{path} exists; files are never overwritten: choose another name")
    if not path.parent.is_dir():
        raise OptionError(f"{path.parent} is no folder; make it first, or choose another name")


def _look(dataset: Dataset, max_pixels: int, *, near: bool, cache: bool) -> tuple[Decoded, Audit]:
    from convwise.data.audit.audit import audit as look
    from convwise.data.pixel_cache import PixelCache

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=16),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = news()
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bars:
        reading = bars.add_task("reading images", total=len(dataset.samples))
        decoded = dataset.decode(
            lambda done, total: bars.update(reading, completed=done),
            max_pixels=max_pixels,
            cache=PixelCache.of_user(console.print) if cache else None,
        )
        if not near:
            return decoded, look(decoded, near=False)
        comparing = bars.add_task("near duplicates", total=len(dataset.samples))
        found = look(
            decoded,
            on_progress=lambda done, total: bars.update(comparing, completed=done, total=total),
        )
    return decoded, found


def _write_page(found: Audit, decoded: Decoded, path: Path) -> None:
    # Templates and pictures take as long to import as all else together.
    from convwise.report.audit_page import audit_page
    from convwise.training.storage import write_atomically

    write_atomically(path, audit_page(found, decoded).encode("utf-8", "replace"))
