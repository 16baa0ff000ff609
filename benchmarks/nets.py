"""The networks that are compared: each from convwise's zoo, printed as programs for its peers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from convwise.design.plan import plan
from convwise.design.resolve import resolve_network
from convwise.design.source import to_keras, to_torch

NETS = ("keras-convnet", "vgg-small", "resnet20", "fast")
IMAGE, CLASSES = "28x28x1", 10
# A training step computes forward, the gradient of the input and that of the weights.
PASSES = 3


@dataclass(frozen=True)
class Net:
    """A network, and where its programs are.

    Args:
        name: in the zoo.
        parameters: with normalisation's moving statistics.
        flops: of one image forward, 2 to a multiplication with addition.
        programs: of the libraries ``keras`` and ``torch``.
    """

    name: str
    parameters: int
    flops: int
    programs: dict[str, Path]


def print_net(name: str, folder: Path) -> Net:
    """Write a network's programs into a folder."""
    design = plan(resolve_network(name), IMAGE, CLASSES).require()
    programs = {}
    for library, write in (("keras", to_keras), ("torch", to_torch)):
        programs[library] = folder / f"{name}-{library}.py"
        programs[library].write_text(write(design), encoding="utf-8")
    return Net(name, design.total_params, design.total_flops, programs)
