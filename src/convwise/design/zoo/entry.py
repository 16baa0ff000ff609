"""ZooEntry: a network with its origin and the count that its origin gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from convwise.design.network import Network


@dataclass(frozen=True)
class ZooEntry:
    """A network that convwise knows by name.

    Args:
        name: what people call it by.
        title: one line about it.
        year: of its publication.
        paper: where it was published, or None where it is our own.
        image: (height, width, channels) that ``params`` is counted at.
        params: weights that training changes, at ``image`` and ``classes``; the running averages
            of normalisation come on top. None where they depend on later tuning.
        text: the network in convwise's notation.
        classes: how many it was published for.

    Example:
        >>> from convwise.design import zoo
        >>> zoo.entry("resnet50").classes, zoo.entry("resnet50").image
        (1000, (224, 224, 3))
    """

    name: str
    title: str
    year: int
    paper: str | None
    image: tuple[int, int, int]
    params: int | None
    text: str
    classes: int = 10

    @cached_property
    def network(self) -> Network:
        """The network itself; its text is read when it is first asked for."""
        return Network.from_text(self.text)
