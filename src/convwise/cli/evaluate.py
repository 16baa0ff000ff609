"""``convwise evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter
from rich.table import Table

from convwise.cli.data_options import DataDir, Download, NoCache
from convwise.cli.output import accuracy_line, answers, news, percent, print_json
from convwise.cli.runtime_option import RuntimeOption, answer_of


def evaluate(
    model: Annotated[Path, Parameter(help="A run folder, a model file or hub://owner/name.")],
    data: Annotated[
        str, Parameter(help="A folder with a folder of images for each class, or a named data set.")
    ],
    /,
    *,
    split: Annotated[
        Literal["test", "validation", "train", "all"],
        Parameter(
            help="Which images. A folder without test/ is split as when the model was trained."
        ),
    ] = "test",
    precision: Annotated[
        Literal["fp32", "bf16"],
        Parameter(help="bf16 is quicker on some processors, and rounds coarsely."),
    ] = "fp32",
    data_dir: DataDir = None,
    download: Download = False,
    no_cache: NoCache = False,
    runtime: RuntimeOption = "torch",
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Score a run folder or a model file on a data set."""
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.evaluation.evaluate import evaluate as evaluate_model
    from convwise.model.modelfile import load_model

    trained = load_model(model)
    result = evaluate_model(
        trained,
        data,
        split=split,
        precision=precision,
        data_dir=data_dir,
        download=download,
        cache=not no_cache,
        answer=answer_of(trained, runtime, precision),
    )
    if result.skipped:
        news().print(f"skipped {len(result.skipped)} files that cannot be read")
    if json:
        print_json(result.figures | {"skipped": result.skipped})
    else:
        _show(result.figures, split)
    return 0


def _show(figures: dict[str, Any], split: str) -> None:
    console = answers()
    console.print(f"accuracy ({split})  {accuracy_line(figures)}", soft_wrap=True)
    console.print(
        f"balanced accuracy {percent(figures['balanced_accuracy'])}"
        f"   macro F1 {figures['macro_f1']:.4f}"
        f"   NLL {figures['nll']:.4f}   ECE {figures['ece']:.4f}",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class")
    for title in ("images", "precision", "recall", "F1"):
        table.add_column(title, justify="right")
    for entry in figures["per_class"]:
        table.add_row(
            entry["class"],
            f"{entry['images']:,}",
            f"{entry['precision']:.3f}",
            f"{entry['recall']:.3f}",
            f"{entry['f1']:.3f}",
        )
    console.print(table)
    for point in figures["shift"][1:]:
        console.print(
            f"shifted by {point['offset']} px  accuracy {percent(point['accuracy'])}"
            f"  same answer {percent(point['consistency'])}"
        )
