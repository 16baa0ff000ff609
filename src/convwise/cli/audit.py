"""``convwise audit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from convwise.cli.data_options import (
    DataDir,
    DataSource,
    Download,
    Fold,
    Group,
    ImageSize,
    Nested,
    NoCache,
)
from convwise.cli.output import answers, news, print_json
from convwise.errors import OptionError

if TYPE_CHECKING:
    from convwise.data.audit.findings import Audit
    from convwise.data.dataset import Dataset, Decoded
    from convwise.training.recipe import Recipe


def audit(
    data: DataSource,
    /,
    *,
    html: Annotated[
        Path | None, Parameter(help="Write a page with pictures of each finding.")
    ] = None,
    write_table: Annotated[
        Path | None, Parameter(help="Write a CSV table without the offenders, for train to read.")
    ] = None,
    show_augmentation: Annotated[
        Path | None,
        Parameter(help="Write a PNG of training images as they are changed in eight epochs."),
    ] = None,
    set_: Annotated[
        list[str] | None,
        Parameter(name="--set", help="NAME=VALUE of the recipe to show, as for train; repeatable."),
    ] = None,
    no_near: Annotated[
        bool, Parameter(show_default=False, help="Do not look for near duplicates.")
    ] = False,
    max_pixels: Annotated[
        int, Parameter(help="Images that state more pixels are not decoded.")
    ] = 100_000_000,
    image_size: ImageSize = None,
    group: Group = None,
    fold: Fold = None,
    nested: Nested = False,
    seed: Annotated[int, Parameter(help="Of the splits that are made.")] = 0,
    data_dir: DataDir = None,
    download: Download = False,
    no_cache: NoCache = False,
    json: Annotated[
        bool, Parameter(show_default=False, help="Print one JSON document of all findings.")
    ] = False,
) -> int:
    """Find damaged, doubled, leaking and odd images; change nothing."""
    if max_pixels < 1:
        raise OptionError(f"--max-pixels {max_pixels} is below 1")
    for path in (html, write_table, show_augmentation):
        if path is not None:
            _refuse(path)
    from convwise.data.load import load_data
    from convwise.training.settings import read_settings

    recipe, _ = read_settings(None, set_ or ())

    dataset = load_data(
        data,
        data_dir=data_dir,
        download=download,
        group=group,
        fold=fold,
        nested=nested,
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
    if show_augmentation is not None:
        told = _write_grid(decoded, recipe, seed, show_augmentation)
        news().print(f"augmentation   {show_augmentation}  ({told})", soft_wrap=True)
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


def _write_grid(decoded: Decoded, recipe: Recipe, seed: int, path: Path) -> str:
    """Draw the augmentation of a recipe; return what it consists of, in words."""
    from dataclasses import asdict

    from convwise.data.batches import Batches
    from convwise.report.augmentation_grid import augmentation_grid
    from convwise.training.facts import measured_format
    from convwise.training.recipe import EPOCHS_FOR_SHIFT
    from convwise.training.storage import write_atomically

    decoded.require_learnable(max_bad=1.0)
    shown = recipe.model_copy(update={"shift": recipe.shift_for(EPOCHS_FOR_SHIFT)})
    batches = Batches(
        decoded.stores["train"],
        measured_format(decoded),
        recipe.batch_size,
        seed,
        shown.augmentation,
        shown.mixing,
    )
    write_atomically(path, augmentation_grid(batches))
    return (
        ", ".join(
            name if value is True else f"{name} {value:g}"
            for name, value in {**asdict(shown.augmentation), **asdict(shown.mixing)}.items()
            if value
        )
        or "nothing is changed"
    )


def _write_page(found: Audit, decoded: Decoded, path: Path) -> None:
    # Templates and pictures take as long to import as all else together.
    from convwise.report.audit_page import audit_page
    from convwise.training.storage import write_atomically

    write_atomically(path, audit_page(found, decoded).encode("utf-8", "replace"))
