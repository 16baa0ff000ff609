"""Two designs side by side: what each costs and what each sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from convwise.design.layer import Shape, show
from convwise.design.memory import activation_memory
from convwise.design.plan import Plan, Row

if TYPE_CHECKING:
    from rich.table import Table

# Columns of a terminal left for a design's name.
_NAME = 20


@dataclass(frozen=True)
class Totals:
    """One design in figures.

    Args:
        name: what people call it by.
        image: (height, width, channels).
        classes: how many.
        output_shape: what leaves it; the classes where it is whole.
        layers: rows of its plan.
        depth: layers with a learnt kernel on the longest way through it.
        params: numbers in all weights.
        trainable_params: those that training changes.
        flops: of one image, convolutions and dense products, 2 per multiply-add.
        other_flops: of one image, all else.
        memory_training: bytes of activations that training keeps at the batch size.
        memory_prediction: bytes of activations that prediction holds at its fullest.
        receptive_field: (rows, columns) of pixels that a place of its last map sees; None where no
            place stands for pixels.
        border_coverage: windows of a corner pixel ÷ those of the centre pixel, through the whole
            feature extractor; None as above.
        problem: why it cannot be built, or None.
    """

    name: str
    image: tuple[int, int, int]
    classes: int
    output_shape: Shape
    layers: int
    depth: int
    params: int
    trainable_params: int
    flops: int
    other_flops: int
    memory_training: int
    memory_prediction: int
    receptive_field: tuple[int, int] | None
    border_coverage: float | None
    problem: str | None


@dataclass(frozen=True)
class Comparison:
    """The figures of two designs.

    Args:
        designs: the first and the second.
        batch: images at once, for the memory.
    """

    designs: tuple[Totals, Totals]
    batch: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values: ``designs``, an object each, and ``batch``."""
        designs = []
        for totals in self.designs:
            values = {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in asdict(totals).items()
            }
            memory = {key: values.pop(f"memory_{key}") for key in ("training", "prediction")}
            designs.append(values | {"memory": memory})
        return {"designs": designs, "batch": self.batch}

    def table(self) -> Table:
        """Return a rich table of at most 80 columns: a line a figure, and second ÷ first."""
        from rich.table import Table

        made = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="bold")
        made.add_column("", no_wrap=True)
        for totals in self.designs:
            made.add_column(_cut(totals.name), justify="right", max_width=_NAME)
        made.add_column("ratio", justify="right", no_wrap=True)
        for line in self._lines():
            made.add_row(*line)
        return made

    def _lines(self) -> Iterator[tuple[str, str, str, str]]:
        first, second = self.designs
        yield ("image", show(first.image), show(second.image), "")
        yield ("ends in", show(first.output_shape), show(second.output_shape), "")
        images = "1 image" if self.batch == 1 else f"{self.batch:,} images"
        for label, key in (
            ("layers", "layers"),
            ("depth, learnt layers", "depth"),
            ("params", "params"),
            ("params trained", "trainable_params"),
            ("FLOPs an image", "flops"),
            ("other FLOPs an image", "other_flops"),
            (f"bytes to train {images}", "memory_training"),
            (f"bytes to predict {images}", "memory_prediction"),
        ):
            pair = (getattr(first, key), getattr(second, key))
            yield (label, f"{pair[0]:,}", f"{pair[1]:,}", _ratio(*pair))
        seen = (first.receptive_field, second.receptive_field)
        sides = [max(field) if field else None for field in seen]
        yield ("last map sees", _field(seen[0]), _field(seen[1]), _ratio(*sides))
        border = (first.border_coverage, second.border_coverage)
        yield ("border coverage", _share(border[0]), _share(border[1]), _ratio(*border))


def compare(
    first: Plan, second: Plan, names: tuple[str, str] = ("first", "second"), batch: int = 1
) -> Comparison:
    """Return two plans in figures, side by side.

    Args:
        first: with or without a problem; one with a problem counts the rows that it has.
        second: likewise.
        names: what people call them by.
        batch: images at once, for the memory.

    Raises:
        OptionError: the batch is out of range.

    Example:
        >>> from convwise.design.plan import plan
        >>> both = compare(plan("lenet", "28x28x1", 10), plan("keras-convnet", "28x28x1", 10))
        >>> [(totals.depth, totals.params) for totals in both.designs]
        [(5, 61706), (3, 34826)]
    """
    return Comparison((_totals(first, names[0], batch), _totals(second, names[1], batch)), batch)


def learnt_depth(plan: Plan) -> int:
    """Return how many layers with a learnt kernel lie on the longest way through a network.

    That is the number in the name of ResNet-50: convolutions and dense layers, without the
    projections of shortcuts. A separable convolution counts as the two that it is.

    Example:
        >>> from convwise.design.plan import plan
        >>> learnt_depth(plan("resnet20", "32x32x3", 10))
        20
    """
    return _depth(plan.tree)


def _depth(rows: tuple[Row, ...]) -> int:
    return sum(
        max(_depth(branch) for branch in row.branches)
        if row.branches
        else sum(weight.trainable and len(weight.shape) > 1 for weight in row.weights)
        for row in rows
    )


def _totals(plan: Plan, name: str, batch: int) -> Totals:
    memory = activation_memory(plan, batch)
    last = plan.extractor[-1] if plan.extractor else None
    return Totals(
        name=name,
        image=plan.image,
        classes=plan.classes,
        output_shape=plan.output_shape,
        layers=len(plan.rows),
        depth=learnt_depth(plan),
        params=plan.total_params,
        trainable_params=plan.trainable_params,
        flops=plan.total_flops,
        other_flops=plan.total_other_flops,
        memory_training=memory.training,
        memory_prediction=memory.prediction,
        receptive_field=last.receptive_field if last else None,
        border_coverage=last.border_coverage if last else None,
        problem=f"{plan.problem.layer}: {plan.problem.message}" if plan.problem else None,
    )


def _field(field: tuple[int, int] | None) -> str:
    return show(field) if field else "all"


def _share(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.3g}"


def _ratio(first: float | None, second: float | None) -> str:
    if not first or second is None:
        return "–"
    ratio = second / first
    return f"×{ratio:.3g}" if ratio < 1000 else f"×{ratio:,.0f}"


def _cut(name: str) -> str:
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"
