"""Networks that convwise knows by name, one file each."""

from __future__ import annotations

from convwise.design.network import Network
from convwise.design.zoo import dense, fast, keras_convnet, lenet, resnet20, vgg_small
from convwise.design.zoo.entry import ZooEntry
from convwise.errors import OptionError, did_you_mean

__all__ = ["ZooEntry", "entry", "names", "network"]

_ENTRIES: dict[str, ZooEntry] = {
    module.ENTRY.name: module.ENTRY
    for module in (fast, keras_convnet, lenet, vgg_small, resnet20, dense)
}


def names() -> tuple[str, ...]:
    """Return the names, the one to start with first.

    Example:
        >>> names()
        ('fast', 'keras-convnet', 'lenet', 'vgg-small', 'resnet20', 'dense')
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
