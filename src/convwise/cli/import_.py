"""``convwise import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from convwise.cli.output import answers, print_json
from convwise.errors import OptionError
from convwise.image import Resize


def import_(
    model: Annotated[Path, Parameter(help="A .keras archive that Keras 3 saved.")],
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="Model file to write. Default: NAME.safetensors, here.")
    ] = None,
    pixels: Annotated[
        Literal["0..1", "-1..1", "0..255"] | None,
        Parameter(help="What the model was trained on, if it does not scale pixels itself."),
    ] = None,
    classes: Annotated[
        str | None, Parameter(help="Names of the outputs in order: cat,dog,horse.")
    ] = None,
    resize: Annotated[
        Resize | None, Parameter(help="How images get the model's size. Default: stretch.")
    ] = None,
    json: Annotated[bool, Parameter(show_default=False, help="Print one JSON document.")] = False,
) -> int:
    """Read a Keras model without Keras, and write a model file."""
    out = out or Path(f"{model.stem}.safetensors")
    if out.exists():
        raise OptionError(f"{out} exists; files are never overwritten, choose --out")
    # torch takes seconds to import: --help and a wrong option answer without it.
    from convwise.model.modelfile import model_bytes
    from convwise.ship.keras_import import import_keras
    from convwise.training.storage import write_atomically

    names = None if classes is None else [name.strip() for name in classes.split(",")]
    read = import_keras(model, pixels=pixels, classes=names, resize=resize)
    write_atomically(out, model_bytes(read))
    plan = read.network.plan
    if json:
        facts = {"classes": list(read.classes), "image_format": read.image_format.to_dict()}
        print_json({"file": str(out), "params": plan.total_params, **facts})
    else:
        side = "×".join(map(str, plan.image))
        answers().print(
            f"{out}  {plan.total_params:,} weights, images of {side}, {plan.classes} classes",
            soft_wrap=True,
        )
    return 0
