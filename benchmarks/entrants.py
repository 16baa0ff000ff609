"""Who takes part in the comparisons, and how each is started."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from measuring import Worker, worker_environment
from nets import Net
from peers import peer_python

HERE = Path(__file__).resolve().parent
# Imports, reading the data, and building a network.
START_SECONDS = 120.0

Facts = dict[str, Any]


@dataclass(frozen=True)
class Entrant:
    """One of those who are compared.

    Args:
        name: in the results.
        title: in tables.
        script: file in ``contenders/``.
        default: whether it is what its library does unless told otherwise.
        environment: of a peer, described by ``peers-NAME.txt``; None is convwise's own.
        library: whose printed program it runs.
        more: further words of its command line.
    """

    name: str
    title: str
    script: str
    default: bool = False
    environment: str | None = None
    library: str = "torch"
    more: tuple[str, ...] = ()


_BF16 = ("--precision", "bf16")
ENTRANTS = (
    Entrant("convwise", "convwise", "convwise_net.py"),
    Entrant(
        "keras-tf-fp32", "Keras on TensorFlow", "keras_net.py", True, "tensorflow", "keras",
        ("--backend", "tensorflow"),
    ),
    Entrant(
        "keras-tf-bf16", "the same, mixed_bfloat16", "keras_net.py", False, "tensorflow", "keras",
        ("--backend", "tensorflow", *_BF16),
    ),
    Entrant(
        "keras-torch", "Keras on torch", "keras_net.py", True, None, "keras",
        ("--backend", "torch"),
    ),
    Entrant("torch-fp32", "PyTorch, as its tutorials", "plain_torch.py", True),
    Entrant("torch-bf16", "PyTorch, bf16 channels_last", "expert_torch.py", more=_BF16),
)  # fmt: skip
# Unless told otherwise convwise predicts in fp32, whatever it was trained in.
PREDICTORS = (
    *ENTRANTS,
    Entrant("convwise-bf16", 'convwise, precision="bf16"', "convwise_net.py", more=_BF16),
)
OURS = ENTRANTS[0].name
TITLES = {each.name: each.title for each in PREDICTORS}
DEFAULTS = tuple(each.name for each in ENTRANTS if each.default)


@dataclass(frozen=True)
class Setting:
    """What is the same for everybody.

    Args:
        data: the .npz file.
        pythons: of the environments.
        threads: and cores.
        isa: the widest instructions that oneDNN may use, for example ``AVX2``; None for all.
        caches: folder for compiled kernels and races under another ``isa``.
    """

    data: Path
    pythons: dict[str | None, Path]
    threads: int
    isa: str | None
    caches: Path

    def environment(self, entrant: Entrant) -> dict[str, str]:
        """Return the environment of an entrant's process."""
        ours = (
            os.pathsep.join(filter(None, sys.path))
            if entrant.script == ENTRANTS[0].script
            else None
        )
        found = worker_environment(self.threads, python_path=ours)
        if self.isa is not None:
            found |= {"ONEDNN_MAX_CPU_ISA": self.isa, "NUMBA_CPU_NAME": "generic"}
            # What won a race with all instructions need not win without.
            found["XDG_CACHE_HOME"] = str(self.caches / self.isa)
        return found

    def start(self, entrant: Entrant, net: Net, batch: int, seed: int = 0) -> Worker:
        """Start an entrant and see to it that it has the same network; ``ready`` tells."""
        command = [
            str(self.pythons[entrant.environment]),
            str(HERE / "contenders" / entrant.script),
            *("--data", str(self.data), "--net", net.name),
            *("--program", str(net.programs[entrant.library]), "--batch", str(batch)),
            *("--threads", str(self.threads), "--seed", str(seed), *entrant.more),
        ]
        worker = Worker(command, self.environment(entrant), START_SECONDS)
        found = worker.ready.get("parameters")
        if found is not None and found != net.parameters:
            worker.ready["error"] = (
                f"has another network: {found:,} parameters, not {net.parameters:,}"
            )
        return worker


def find_pythons(entrants: Iterable[Entrant], folder: Path) -> dict[str | None, Path]:
    """Return the Python of each environment; those that are missing are made.

    Raises:
        SystemExit: one could not be made.
    """
    pythons: dict[str | None, Path] = {None: Path(sys.executable)}
    for name in {each.environment for each in entrants} - {None}:
        assert name is not None
        try:
            pythons[name] = peer_python(name, HERE / f"peers-{name}.txt", folder)
        except subprocess.CalledProcessError as error:
            raise SystemExit(f"a peer's environment could not be made: {error}") from error
    return pythons
