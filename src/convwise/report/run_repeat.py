"""What someone needs to run a training again, and to use what came of it."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from convwise.report.facts import Fact
from convwise.report.fields import Json, mapping, number, text
from convwise.report.run_folder import RunFiles
from convwise.report.wording import label, shown, value


@dataclass(frozen=True)
class Repeat:
    """The section's content.

    Args:
        command: that started the run; None where it was started from Python.
        facts: what else has to be the same.
        bits: what has to be the same for equal bits.
        versions: of the packages that computed.
        uses: (what for, command) of what one does with the model next; empty without one.
    """

    command: str | None
    facts: tuple[Fact, ...]
    bits: str | None
    versions: tuple[Fact, ...]
    uses: tuple[Fact, ...]


def run_repeat(files: RunFiles) -> Repeat:
    """Return the section."""
    run = files.run
    own = text(run, "convwise")
    versions = mapping(run, "versions")
    numbers = [Fact("convwise", shown(own))] if own and "convwise" not in versions else []
    numbers += [Fact(shown(key), shown(versions[key])) for key in versions]
    command = text(run, "command")
    return Repeat(
        command=None if command is None else shown(command),
        facts=_facts(run),
        bits=_bits(mapping(run, "decides_bits")),
        versions=tuple(numbers),
        uses=_uses(files) if files.model_bytes is not None else (),
    )


def _facts(run: Json) -> tuple[Fact, ...]:
    facts = []
    seed = number(run, "seed")
    if seed is not None:
        facts.append(Fact("Seed", f"{seed:.0f}"))
    data = mapping(run, "data")
    for key, name in (("fingerprint", "Data (SHA-256)"), ("test_fingerprint", "Test data")):
        if fingerprint := text(data, key):
            facts.append(Fact(name, shown(fingerprint)))
    machine = mapping(run, "machine")
    facts += [Fact(label(key), value(of)) for key, of in machine.items() if key == "system"]
    return tuple(facts)


def _bits(deciding: Json) -> str | None:
    if not deciding:
        return None
    told = ", ".join(
        f"{label(key)[:1].lower()}{label(key)[1:]} {value(of)}" for key, of in deciding.items()
    )
    return f"The same command gives the same weights, bit for bit, with: {told}."


def _uses(files: RunFiles) -> tuple[Fact, ...]:
    folder = shlex.quote(shown(files.name))
    facts = [Fact("Ask it", f"convwise predict {folder} picture.png")]
    if again := with_data(files, "evaluate"):
        facts.append(Fact("Score it again", again))
    if inside := with_data(files, "explain"):
        facts.append(Fact("Look inside it", inside))
    facts += [
        Fact("Ship it", f"convwise export {folder} --to onnx"),
        Fact("Check its files", f"cd {folder} && sha256sum -c SHA256SUMS"),
    ]
    return tuple(facts)


def with_data(files: RunFiles, command: str, *further: str) -> str | None:
    """Return a command that takes a run and its data, or None where the data has no name.

    Example:
        >>> with_data(RunFiles("a run", {"data": {"source": "photos"}}), "evaluate")
        "convwise evaluate 'a run' photos"
    """
    source = text(mapping(files.run, "data"), "source")
    if source is None:
        return None
    return shlex.join(["convwise", command, shown(files.name), shown(source), *further])
