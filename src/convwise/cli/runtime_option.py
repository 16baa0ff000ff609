"""``--runtime`` of the commands that ask a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from convwise.cli.output import news
from convwise.errors import OptionError

if TYPE_CHECKING:
    from convwise.evaluation.predict import Answer, PredictionPrecision
    from convwise.model.trained import TrainedModel

RuntimeOption = Annotated[
    Literal["torch", "auto", "onnxruntime", "openvino"],
    Parameter(help="What computes; auto races what is installed on this model for a second."),
]


def answer_of(model: TrainedModel, runtime: str, precision: PredictionPrecision) -> Answer | None:
    """Return what answers for a model; None for torch, which needs nothing.

    Raises:
        OptionError: the runtime does not compute in bf16.
        MissingExtraError: the runtime is not installed.
    """
    if runtime == "torch":
        return None
    if precision != "fp32" and runtime != "openvino":
        raise OptionError(
            f"--precision {precision} goes with --runtime torch or openvino, not {runtime}"
        )
    from convwise.ship.runtimes import race, runtime_of

    if runtime != "auto":
        return runtime_of(model, runtime, precision).answer  # type: ignore[arg-type]
    outcome = race(model)
    news().print(outcome.sentence(), soft_wrap=True)
    return outcome.chosen.answer
