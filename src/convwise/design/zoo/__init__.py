"""Networks that convwise knows by name, a file for each family."""

from __future__ import annotations

from convwise.design.network import Network
from convwise.design.zoo import (
    alexnet,
    dense,
    efficientnet,
    fast,
    keras_convnet,
    lenet,
    mobilenet,
    resnet,
    resnet_small,
    springenberg,
    vgg,
)
from convwise.design.zoo.entry import ZooEntry
from convwise.errors import OptionError, did_you_mean

__all__ = ["ZooEntry", "entry", "names", "network"]

_SMALL = (
    fast.ENTRY,
    keras_convnet.ENTRY,
    *lenet.ENTRIES,
    alexnet.SMALL,
    *springenberg.ENTRIES,
    vgg.SMALL,
    *resnet_small.ENTRIES,
    dense.ENTRY,
)
_LARGE = (
    alexnet.ENTRY,
    *vgg.ENTRIES,
    *resnet.ENTRIES,
    mobilenet.ENTRY,
    efficientnet.ENTRY,
)
_ENTRIES: dict[str, ZooEntry] = {entry.name: entry for entry in (*_SMALL, *_LARGE)}


def names() -> tuple[str, ...]:
    """Return the names: the one to start with first, those for small images before the large.

    Example:
        >>> names()[:4], names()[-2:]
        (('fast', 'keras-convnet', 'lenet', 'lenet-5'), ('mobilenetv2', 'efficientnet-lite0'))
    """
    return tuple(_ENTRIES)


def entry(name: str) -> ZooEntry:
    """Return what is known about a network.

    Raises:
        OptionError: there is no network of that name.

    Example:
        >>> entry("lenet").params
        61706
    """
    if name not in _ENTRIES:
        raise OptionError(
            f"{name[:60]!r} is no network that convwise knows"
            f"{did_you_mean(name[:60], _ENTRIES)}; known are {', '.join(_ENTRIES)}"
        )
    return _ENTRIES[name]


def network(name: str) -> Network:
    """Return a network by its name.

    Raises:
        OptionError: there is no network of that name.

    Example:
        >>> len(network("lenet").layers)
        8
    """
    return entry(name).network
