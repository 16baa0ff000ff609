"""``--network auto``: as wide a network as the time allows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convwise.data.store import PixelStore
from convwise.design import zoo
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.design.widths import with_widths
from convwise.image import ImageFormat
from convwise.model.build import build
from convwise.model.trained import TrainedModel
from convwise.training.computing import PrecisionChoice
from convwise.training.decided import decide
from convwise.training.device import CPU, Device
from convwise.training.progress import Watcher
from convwise.training.recipe import Recipe

AUTO = "auto"
# Widths as shares of `fast`, and for how many passes over the training images there has to be
# time. The three narrowest are measured; 1.5 is known to lose with 16 passes (decision 23).
PASSES_NEEDED = {0.5: 0.0, 0.75: 3.0, 1.0: 8.0, 1.5: 40.0, 2.0: 80.0}
# Without a time limit: what a training in fp32 may see of `fast` (:meth:`Recipe.epochs_for`).
FAMILIAR = 1.0
# A convolution's filters fill the processor's vectors.
MULTIPLE = 16


@dataclass(frozen=True)
class Width:
    """A width that was considered.

    Args:
        times: as a share of ``fast``.
        network: so wide.
        images_per_second: that training it will see, from the speed of ``fast`` and both numbers
            of FLOPs.
        passes: over the training images that the time allows.
    """

    times: float
    network: Network
    images_per_second: float
    passes: float

    @property
    def name(self) -> str:
        """For people and folders: ``fast``, or ``fast-x1.5``."""
        return "fast" if self.times == FAMILIAR else f"fast-x{self.times:g}"


def fast_of_width(times: float) -> Network:
    """Return ``fast`` with so many times its filters, in multiples of 16.

    Example:
        >>> fast_of_width(0.75).layers[0].filters
        32
    """
    return with_widths(
        zoo.network("fast"), lambda width: max(MULTIPLE, round(times * width / MULTIPLE) * MULTIPLE)
    )


def choose_width(
    seconds: float, images: int, flops: Callable[[Network], int], speed: float
) -> Width:
    """Return the widest ``fast`` that there is time for.

    Args:
        seconds: that training may take.
        images: of the training split.
        flops: tells those of a network's forward pass of one image.
        speed: of training ``fast`` as it is, in images a second.
    """
    usual = flops(zoo.network("fast"))
    chosen = None
    for times, needed in PASSES_NEEDED.items():
        network = fast_of_width(times)
        expected = speed * usual / flops(network)
        width = Width(times, network, expected, seconds * expected / images)
        if chosen is None or width.passes >= needed:
            chosen = width
    assert chosen is not None
    return chosen


def width_for(
    train: PixelStore,
    image_format: ImageFormat,
    classes: tuple[str, ...],
    recipe: Recipe,
    precision: PrecisionChoice,
    watcher: Watcher,
    *,
    seed: int,
    fuse: bool,
    device: Device = CPU,
) -> Width:
    """Measure how fast ``fast`` trains here, and return the width that the time limit allows.

    Args:
        train: the training images.
        image_format: theirs.
        classes: their names.
        recipe: with a time limit, or ``fast`` is taken as it is.
        precision, fuse: as training will have them.
        watcher: told about the choice.
        seed: of the training.
        device: that it computes on.

    Raises:
        DesignError: ``fast`` does not fit the images.
    """
    usual = plan(zoo.network("fast"), image_format, len(classes)).require()
    if recipe.time_limit is None:
        watcher.message(f"--network {AUTO} chooses by --time-limit; without one it is fast")
        return Width(FAMILIAR, usual.network, 0.0, 0.0)
    network = build(usual, seed=seed, fuse=fuse and not device.accelerated)
    device.take(network)
    model = TrainedModel(network, image_format, classes, name="fast")
    found = decide(model, usual, train, recipe, precision, watcher, fuse=fuse, device=device)
    speed = found.race.speed

    def flops(network: Network) -> int:
        return plan(network, image_format, len(classes)).total_flops

    chosen = choose_width(recipe.time_limit, len(train), flops, speed)
    watcher.message(
        f"network {chosen.name}: time for about {chosen.passes:.1f} passes over"
        f" {len(train):,} images"
    )
    return chosen
