"""``convwise predict``."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from rich.progress import track

from convwise.cli.output import answers, news, print_json
from convwise.cli.runtime_option import RuntimeOption, answer_of
from convwise.errors import OptionError

if TYPE_CHECKING:
    from convwise.evaluation.files import FilePrediction


def predict(
    model: Annotated[Path, Parameter(help="A run folder, a model file or hub://owner/name.")],
    /,
    *files: Annotated[Path, Parameter(help="Image files, or folders of them.")],
    top: Annotated[int, Parameter(help="How many classes to show for each file.")] = 1,
    runtime: RuntimeOption = "torch",
    precision: Annotated[
        Literal["fp32", "bf16"],
        Parameter(help="bf16 is quicker on some processors, and rounds coarsely."),
    ] = "fp32",
    out: Annotated[
        Path | None, Parameter(help="Table to write: NAME.csv, NAME.jsonl or NAME.parquet.")
    ] = None,
    json: Annotated[
        bool, Parameter(show_default=False, help="Print a JSON line for each file.")
    ] = False,
) -> int:
    """Label image files with a run folder or a model file."""
    if not files:
        raise OptionError("which images? Give image files or folders of them after the model")
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.evaluation.files import image_files, predict_files
    from convwise.evaluation.prediction_file import prediction_file, require_writable
    from convwise.model.modelfile import load_model

    if out is not None:
        require_writable(out)
    trained = load_model(model)
    answer = answer_of(trained, runtime, precision)
    failed = 0
    console, errors = answers(), news()
    with contextlib.ExitStack() as closing:
        table = closing.enter_context(prediction_file(out, trained.classes)) if out else None
        found = image_files(files)
        for prediction in track(
            predict_files(trained, found, precision=precision, answer=answer),
            "predicting",
            total=len(found),
            console=errors,
            transient=True,
            # Answers that are printed show how far it is.
            disable=out is None or json or not errors.is_terminal,
        ):
            failed += prediction.error is not None
            if table is not None:
                table.add(prediction)
            if json:
                print_json(prediction.to_dict())
            elif prediction.error is not None:
                errors.print(f"{prediction.path}: {prediction.error}", soft_wrap=True, markup=False)
            elif table is None:
                console.print(_line(prediction, top), soft_wrap=True, markup=False)
    if out is not None and not json:
        console.print(f"wrote {out}", soft_wrap=True, markup=False)
    if failed and not json:
        errors.print(f"{failed} of the files could not be read")
    return 1 if failed else 0


def _line(prediction: FilePrediction, top: int) -> str:
    ranked = sorted(
        prediction.to_dict()["probabilities"].items(), key=lambda item: item[1], reverse=True
    )
    shown = "  ".join(f"{name} {100 * value:.1f} %" for name, value in ranked[: max(1, top)])
    return f"{prediction.to_dict()['path']}  {shown}"
