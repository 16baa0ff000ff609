"""Plan: a network resolved against an image and a number of classes, one row a layer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from operator import index
from pathlib import Path

from convwise.design.diagnose import Problem, diagnose
from convwise.design.layer import Layer, Shape, View, Weight
from convwise.design.network import Network
from convwise.design.resolve import resolve_network
from convwise.design.trace import Path as Place
from convwise.design.trace import Step, trace
from convwise.errors import DesignError, OptionError
from convwise.geometry import ReceptiveField
from convwise.image import ImageFormat

MAX_CLASSES = 65_536


@dataclass(frozen=True)
class Row:
    """One layer of a plan.

    Args:
        name: stem and counter in order of execution: ``conv1``, ``norm1``, ``add1``.
        layer: the layer, with ``"classes"`` replaced by their number.
        input_shape: (height, width, channels) or (features,).
        output_shape: likewise.
        weights: its tensors; a block lists those of its projection only.
        params: numbers in them.
        trainable_params: those that training changes.
        flops: of one image, convolutions and dense products, 2 per multiply-add.
        other_flops: of one image, pooling, normalisation, activation and addition.
        field: down the rows and along the columns, the image pixels that the places see,
            theoretical, so they may exceed the image; None where places no longer stand for pixels.
        border_coverage: windows that a corner pixel takes part in ÷ those of the centre pixel, from
            the image up to this row; None as above.
        branches: rows of the chains inside a block.
    """

    name: str
    layer: Layer
    input_shape: Shape
    output_shape: Shape
    weights: tuple[Weight, ...]
    params: int
    trainable_params: int
    flops: int
    other_flops: int
    field: tuple[ReceptiveField, ReceptiveField] | None
    border_coverage: float | None
    branches: tuple[tuple[Row, ...], ...] = ()

    @property
    def receptive_field(self) -> tuple[int, int] | None:
        """(rows, columns) of image pixels that one place sees."""
        return (self.field[0].size, self.field[1].size) if self.field else None

    @property
    def receptive_stride(self) -> tuple[int, int] | None:
        """Image pixels from one place to the next, (rows, columns)."""
        return (self.field[0].stride, self.field[1].stride) if self.field else None

    @property
    def receptive_centre(self) -> tuple[float, float] | None:
        """Image pixel (row, column) in the middle of what place (0, 0) sees; may end in .5.

        Place (i, j) looks that far into the image plus i and j strides.
        """
        return (self.field[0].centre, self.field[1].centre) if self.field else None

    @property
    def activation_values(self) -> int:
        """Values of one image that training keeps from this row for the backward pass."""
        return self.layer.values_kept(self.input_shape)


@dataclass(frozen=True)
class Plan:
    """Rows of a network, all of them or those up to the first layer that cannot be.

    Args:
        network: as it was asked for.
        image: (height, width, channels).
        classes: how many.
        tree: rows in order; a block's row carries the rows of its branches.
        problem: why there are no more rows, or why they do not end in the classes.

    Example:
        >>> plan("lenet", "28x28x1", 10).total_params
        61706
    """

    network: Network
    image: tuple[int, int, int]
    classes: int
    tree: tuple[Row, ...]
    problem: Problem | None = None

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """All rows in order of execution: those of a block's branches, then the block's own."""
        return tuple(_flat(self.tree))

    @property
    def sequences(self) -> tuple[tuple[Row, ...], ...]:
        """The network's own sequence of rows, and that of every branch inside its blocks."""
        return tuple(_sequences(self.tree))

    @property
    def extractor(self) -> tuple[Row, ...]:
        """The feature extractor: rows of the tree up to the last whose places stand for pixels."""
        return tuple(takewhile(lambda row: row.field is not None, self.tree))

    @property
    def total_params(self) -> int:
        """Numbers in all weights."""
        return sum(row.params for row in self.rows)

    @property
    def trainable_params(self) -> int:
        """Numbers that training changes."""
        return sum(row.trainable_params for row in self.rows)

    @property
    def total_flops(self) -> int:
        """Operations of one image in convolutions and dense products."""
        return sum(row.flops for row in self.rows)

    @property
    def total_other_flops(self) -> int:
        """Operations of one image in all else."""
        return sum(row.other_flops for row in self.rows)

    @property
    def output_shape(self) -> Shape:
        """Shape that leaves the last row, or the image's where there is none."""
        return self.tree[-1].output_shape if self.tree else self.image

    def require(self) -> Plan:
        """Return the plan itself.

        Raises:
            DesignError: it has a problem; names the layer and the fixes.
        """
        if self.problem:
            raise DesignError(
                self.problem.message, layer=self.problem.layer, fixes=self.problem.fixes
            )
        return self


def plan(
    network: Network | str | Path, image: str | tuple[int, int, int] | ImageFormat, classes: int
) -> Plan:
    """Resolve a network against an image and a number of classes.

    A network that cannot be gives the rows so far and a problem; only wrong words raise.

    Args:
        network: a network, or what :func:`convwise.design.resolve.resolve_network` takes.
        image: ``"28x28x1"``, (height, width, channels), or an ImageFormat.
        classes: at least 2.

    Raises:
        OptionError: the image or the classes are out of range, or the name is not known.
        NotationError: the text is no network.

    Example:
        >>> plan("conv 8 5 | maxpool 4 | flatten | dense classes", "28x28x1", 10).output_shape
        (10,)
    """
    shape = _image_shape(image)
    classes = _whole(classes, "classes")
    if not 2 <= classes <= MAX_CLASSES:
        raise OptionError(f"classes is {classes}: use 2 to {MAX_CLASSES:,}")
    resolved = resolve_network(network)
    traced = trace(resolved, shape, classes)
    tree, _ = _rows(traced.steps, View.of_image(*shape[:2]))
    problem = diagnose(resolved, shape, classes, traced) if traced.failure else None
    return Plan(resolved, shape, classes, tree, problem)


def _image_shape(image: str | tuple[int, int, int] | ImageFormat) -> tuple[int, int, int]:
    if isinstance(image, ImageFormat):
        return image.shape
    if isinstance(image, str):
        return ImageFormat.parse(image).shape
    if not isinstance(image, (tuple, list)) or len(image) != 3:
        raise OptionError(f"image {image!r} is not (height, width, channels)")
    height, width, channels = (_whole(side, "an image's side") for side in image)
    return ImageFormat(height, width, channels).shape


def _whole(value: int, what: str) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError
        return index(value)
    except TypeError:
        raise OptionError(f"{what} is {value!r}: use a whole number") from None


def _rows(
    steps: Sequence[Step], view: View | None, depth: int = 1
) -> tuple[tuple[Row, ...], View | None]:
    rows: list[Row] = []
    entries: dict[Place, tuple[int, View | None]] = {}
    for step in steps:
        if len(step.path) > depth:
            view = _entered(step.path, depth, view, entries)
        inner = [_rows(branch, view, len(step.path) + 2) for branch in step.branches]
        view = step.layer.view(view, step.input_shape, [end for _, end in inner])
        rows.append(_row(step, view, tuple(branch for branch, _ in inner)))
    return tuple(rows), view


def _entered(
    path: Place, depth: int, view: View | None, entries: dict[Place, tuple[int, View | None]]
) -> View | None:
    """Return the view before a step whose block has no step of its own.

    Such a block is a repeat, whose steps go on from each other, or one that could not be finished,
    each branch of which starts where the block did.

    Args:
        path: of the step.
        depth: length of the paths of steps outside such blocks.
        view: behind the step before.
        entries: for each such block, the branch that was last seen and the view at its start.
    """
    for length in range(depth, len(path), 2):
        block, number = path[:length], path[length]
        last, start = entries.get(block, (number, view))
        if number != last:
            view = start
        entries[block] = (number, start)
    return view


def _row(step: Step, view: View | None, branches: tuple[tuple[Row, ...], ...]) -> Row:
    return Row(
        name=step.name,
        layer=step.layer,
        input_shape=step.input_shape,
        output_shape=step.output_shape,
        weights=step.weights,
        params=sum(weight.size for weight in step.weights),
        trainable_params=sum(weight.size for weight in step.weights if weight.trainable),
        flops=step.layer.flops(step.input_shape),
        other_flops=step.layer.other_flops(step.input_shape),
        field=(view.rows, view.columns) if view else None,
        border_coverage=view.coverage.ratio if view and view.coverage else None,
        branches=branches,
    )


def _sequences(rows: tuple[Row, ...]) -> Iterator[tuple[Row, ...]]:
    yield rows
    for row in rows:
        for branch in row.branches:
            yield from _sequences(branch)


def _flat(rows: Sequence[Row]) -> list[Row]:
    flat: list[Row] = []
    for row in rows:
        for branch in row.branches:
            flat.extend(_flat(branch))
        flat.append(row)
    return flat
