"""``convwise export``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter
from rich.table import Table

from convwise.cli.data_options import DataDir, Download, NoCache
from convwise.cli.output import answers, percent, print_json
from convwise.cli.share import parse_share

if TYPE_CHECKING:
    from convwise.ship.export import Export


def export(
    model: Annotated[Path, Parameter(help="A run folder, a model file or hub://owner/name.")],
    /,
    *,
    to: Annotated[
        Literal["onnx", "openvino", "int8", "torch", "keras", "web"],
        Parameter(
            help="The format; int8 is quantised, see --runtime; web is a folder with a page."
        ),
    ],
    out: Annotated[
        Path | None, Parameter(help="File or folder to write. Default: the model's name, here.")
    ] = None,
    data: Annotated[
        str | None,
        Parameter(help="Data set to score the file on; int8 is calibrated on its training images."),
    ] = None,
    split: Annotated[
        Literal["test", "validation", "train", "all"], Parameter(help="Images to score it on.")
    ] = "test",
    max_loss: Annotated[
        str, Parameter(help="Accuracy that int8 may lose; beyond it nothing is written.")
    ] = "1%",
    runtime: Annotated[
        Literal["onnxruntime", "openvino"] | None,
        Parameter(help="What shall run int8. Default: onnxruntime; openvino has .xml and .bin."),
    ] = None,
    resize_inside: Annotated[
        bool,
        Parameter(show_default=False, help="The ONNX graph takes pictures of any size."),
    ] = False,
    data_dir: DataDir = None,
    download: Download = False,
    no_cache: NoCache = False,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Write a model in another format, and prove that it gives the same answers."""
    loss = parse_share(max_loss, "--max-loss")
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.model.modelfile import load_model
    from convwise.ship.export import export as export_model
    from convwise.ship.export import suffix_of

    done = export_model(
        load_model(model),
        to,
        out or Path(_stem(model, to) + suffix_of(to, runtime)),
        data=data,
        split=split,
        max_loss=loss,
        runtime=runtime,
        resize_inside=resize_inside,
        cache=not no_cache,
        data_dir=data_dir,
        download=download,
    )
    if json:
        print_json(done.to_dict())
    else:
        _show(done)
    return 0


def _stem(model: Path, to: str) -> str:
    from convwise.model.hub import is_address

    if is_address(model):
        stem = model.name.partition("@")[0]
    else:
        stem = model.resolve().name if model.is_dir() else model.stem
    return f"{stem}-{to}" if to in ("int8", "web") else stem


def _show(done: Export) -> None:
    console = answers()
    console.print(f"{done.file}  {done.proof.size:,} bytes", soft_wrap=True)
    console.print(done.verdict, soft_wrap=True)
    figures = done.proof.to_dict()
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("")
    for title in ("torch", figures["runtime"] if figures["runtime"] != "torch" else "the file"):
        table.add_column(title, justify="right")
    for row in _rows(figures):
        table.add_row(*row)
    console.print(table)
    if figures["accuracy"]:
        low, high = figures["accuracy"]["interval"]
        console.print(
            f"accuracy differs by {100 * figures['accuracy']['difference']:+.2f} points"
            f" (95 % interval {100 * low:+.2f} … {100 * high:+.2f},"
            f" {figures['accuracy']['images']:,} images)",
            soft_wrap=True,
        )


def _rows(figures: dict[str, Any]) -> list[tuple[str, str, str]]:
    rows = [
        (
            "latency of one image",
            f"{figures['torch_latency']:.2f} ms",
            f"{figures['latency']:.2f} ms",
        )
    ]
    for batch, speed in figures["throughput"].items():
        theirs = figures["torch_throughput"][batch]
        rows.append((f"batches of {batch}", f"{theirs:,.0f} images/s", f"{speed:,.0f} images/s"))
    if accuracy := figures["accuracy"]:
        both = percent(accuracy["reference"]), percent(accuracy["exported"])
        rows.append(("accuracy", *both))
    rows.append(("bytes", f"{figures['torch_size']:,}", f"{figures['size']:,}"))
    return rows
