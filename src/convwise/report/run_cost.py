"""What a run took, and what its network takes: time, work, room."""

from __future__ import annotations

import itertools
import statistics
from dataclasses import dataclass

from convwise.design.memory import BYTES_PER_VALUE, activation_memory
from convwise.design.plan import Plan
from convwise.report.design_words import amount, bytes_of_memory
from convwise.report.facts import Fact
from convwise.report.fields import Json, mapping, number, text
from convwise.report.run_folder import RunFiles
from convwise.report.verdict import images_per_second, train_seconds
from convwise.report.wording import count, counted, duration, shown


@dataclass(frozen=True)
class Cost:
    """Facts of the training, of the network, and of the machine that both were measured on."""

    training: tuple[Fact, ...]
    network: tuple[Fact, ...]
    machine: tuple[Fact, ...]


def run_cost(files: RunFiles, network_plan: Plan | None) -> Cost | None:
    """Return the section, or None where nothing is known.

    Args:
        files: of the run.
        network_plan: of its network; without it, fewer figures are told.
    """
    training, network = _training(files), _network(files, network_plan)
    gpu = text(mapping(files.run, "decides_bits"), "gpu")
    machine = _machine(mapping(files.run, "machine"), gpu)
    return Cost(training, network, machine) if training or network or machine else None


def _training(files: RunFiles) -> tuple[Fact, ...]:
    facts = []
    seconds, threads = train_seconds(files), number(files.run, "threads")
    if seconds is not None:
        facts.append(Fact("Training", duration(seconds)))
        if threads:
            facts.append(Fact("Training × threads", duration(seconds * threads)))
    # history.jsonl counts seconds from the start of training.
    ends = [0.0, *(end for epoch in files.history if (end := number(epoch, "seconds")))]
    if len(ends) > 1:
        each = [end - start for start, end in itertools.pairwise(ends)]
        facts.append(Fact("An epoch (median)", duration(statistics.median(each))))
    speed = images_per_second(files)
    if speed is not None:
        facts.append(Fact("Speed", f"{counted(speed, 'image')} a second"))
    return tuple(facts)


def _network(files: RunFiles, network_plan: Plan | None) -> tuple[Fact, ...]:
    facts = []
    told = mapping(files.run, "network")
    params, flops = number(told, "total_params"), number(told, "total_flops")
    if params is not None:
        facts.append(Fact("Parameters", amount(round(params))))
        room = bytes_of_memory(round(params) * BYTES_PER_VALUE)
        facts.append(Fact("Weights in float32", room))
    if files.model_bytes is not None:
        facts.append(Fact("Model file", bytes_of_memory(files.model_bytes)))
    if flops is not None:
        facts.append(Fact("FLOPs an image", amount(round(flops))))
    if network_plan is not None:
        memory = activation_memory(network_plan).prediction
        facts.append(Fact("Activations an image", bytes_of_memory(memory)))
    return (*facts, *_answers(mapping(files.run, "prediction")))


def _answers(speed: Json) -> list[Fact]:
    """Return what predictions took, where that was measured."""
    facts = []
    one, many, batch = (
        number(speed, key) for key in ("milliseconds", "images_per_second", "batch")
    )
    threads = number(speed, "threads")
    if one is not None:
        with_threads = f", {counted(threads, 'thread')}" if threads else ""
        facts.append(Fact("One prediction", f"{one:.3g} ms (median{with_threads}, fp32)"))
    if many is not None and batch is not None:
        each = f"{1000 / many:.3g} ms an image" if many else "–"
        facts.append(Fact(f"Predictions, {count(batch)} at once", each))
    return facts


def _machine(machine: Json, gpu: str | None) -> tuple[Fact, ...]:
    facts = [Fact("Trained on", shown(gpu))] if gpu else []
    cpu, cores, memory = (
        text(machine, "cpu"),
        number(machine, "cores"),
        number(machine, "memory_gb"),
    )
    if cpu:
        facts.append(Fact("Processor", shown(cpu)))
    if cores:
        facts.append(Fact("Cores", count(cores)))
    if memory:
        facts.append(Fact("Memory", f"{memory:.1f} GB"))
    return tuple(facts)
