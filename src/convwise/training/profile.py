"""Where the time of a training step goes.

A profiler of torch's watches some steps of a real training. Each piece of time belongs to the
outermost thing with a name that it happens in: an optimizer's additions are the optimizer's. Fused
kernels show up under the names of their autograd functions; where a kernel computes two layers, the
time is that of the first kind in the list of :data:`KINDS` whose pattern is found.
"""

from __future__ import annotations

import os
import re
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from torch.autograd.profiler_util import EventList, FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from convwise.data.batches import BATCH_RANGE
from convwise.training.progress import Watcher

WARM_UP, STEPS = 5, 10
STEP_RANGE = "convwise::step"
REST = "rest"
# Looked for in the names of operations, forward and backward, in this order.
KINDS: Mapping[str, str] = {
    "data": re.escape(BATCH_RANGE),
    "optimizer": r"^Optimizer\.",
    "loss": r"cross_entropy|log_?softmax|nll_?loss",
    "pooling": r"max_?pool|avg_?pool|average_?pool|amax|aten::mean|MeanBackward1",
    "normalisation": r"(batch|layer)_?norm",
    "dropout": r"dropout",
    "convolution": r"conv(olution|[12]d)",
    "dense": r"aten::linear|addmm|AddmmBackward|aten::mm|MmBackward|LinearBackward",
    "activation": (
        r"relu|threshold|hardtanh|elu\b|eluback|gelu|silu|tanh|sigmoid|aten::softmax|^_?SoftmaxBack"
    ),
    "joining": (
        r"aten::add\b|aten::add_\b|AddBackward|aten::cat|CatBackward|constant_?pad|residual_?sum"
    ),
}
_PATTERNS = {kind: re.compile(pattern, re.IGNORECASE) for kind, pattern in KINDS.items()}


@dataclass(frozen=True)
class StepProfile:
    """What a step of a training consists of.

    Args:
        milliseconds: of each kind of work in a step, on average, the most costly first.
        step_ms: of a whole step while nobody watches it, the median of some.
        steps: that were watched.
    """

    milliseconds: Mapping[str, float]
    step_ms: float
    steps: int

    @property
    def shares(self) -> dict[str, float]:
        """The share of each kind in the time that was watched; they add up to 1."""
        total = sum(self.milliseconds.values())
        return {kind: value / total for kind, value in self.milliseconds.items()}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "step_ms": self.step_ms,
            "steps": self.steps,
            "milliseconds": dict(self.milliseconds),
            "shares": self.shares,
        }


class StepProfiler:
    """A watcher that profiles some steps of a training, and passes all news on.

    It stands in for the watcher of a training (:meth:`as_watcher`). After ``warm_up`` steps it
    times ``steps`` of them, and profiles as many more; training goes on as it would without.

    Args:
        watcher: who gets the news.
        warm_up: steps that are left alone.
        steps: that are watched.
    """

    def __init__(
        self, watcher: Watcher | None = None, warm_up: int = WARM_UP, steps: int = STEPS
    ) -> None:
        self._watcher = watcher or Watcher()
        self._first, self._steps = warm_up, steps
        self._seen = 0
        self._times: list[float] = []
        self._mark = 0.0
        self._profile: profile | None = None
        self._range: record_function | None = None
        self.result: StepProfile | None = None

    def as_watcher(self) -> Watcher:
        """Return it as what it stands in for."""
        return cast(Watcher, self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._watcher, name)

    def step(self, *news: Any) -> None:
        """A step was taken: pass it on, and look whether the next is to be watched."""
        self._end_step()
        self._watcher.step(*news)
        self._seen += 1
        if self._first + self._steps == self._seen:
            # Else the profiler writes lines of its own to standard error.
            os.environ["KINETO_LOG_LEVEL"] = "99"
            self._profile = profile(activities=[ProfilerActivity.CPU], acc_events=True)
            self._profile.start()
        if self._first + 2 * self._steps == self._seen:
            self.finish()
        self._begin_step()

    def epoch(self, record: Any) -> None:
        """An epoch ended: what lies between two epochs is no part of a step."""
        self._leave_range()
        self._watcher.epoch(record)
        self._begin_step()

    def finish(self) -> StepProfile | None:
        """Return the profile, of fewer steps if training ended early; None if there was none."""
        if self._profile is not None:
            self._leave_range()
            self._profile.stop()
            events = self._profile.events()  # type: ignore[no-untyped-call]
            self.result = grouped(events, 1e3 * statistics.median(self._times))
            self._profile = None
        return self.result

    def _begin_step(self) -> None:
        if self._profile is not None:
            self._range = record_function(STEP_RANGE)
            self._range.__enter__()  # type: ignore[no-untyped-call]
        self._mark = time.perf_counter()

    def _end_step(self) -> None:
        if self._first < self._seen + 1 <= self._first + self._steps and self._mark:
            self._times.append(time.perf_counter() - self._mark)
        self._leave_range()

    def _leave_range(self) -> None:
        if self._range is not None:
            self._range.__exit__(None, None, None)
            self._range = None


def grouped(events: EventList | None, step_ms: float) -> StepProfile | None:
    """Add the time of each event to the kind of work that it is part of.

    Args:
        events: of a profile in which steps are ranges named :data:`STEP_RANGE`. A range in which
            no optimizer works is what lies between two epochs, and is left out.
        step_ms: see :class:`StepProfile`.

    Returns:
        None if there is no step.
    """
    steps = [event for event in events or () if event.name == STEP_RANGE and _updates(event)]
    sums: dict[str, float] = dict.fromkeys([*KINDS, REST], 0.0)
    for event in steps:
        _add(event, None, sums)
    found = {kind: value / 1e3 / len(steps) for kind, value in sums.items() if value > 0}
    ordered = dict(sorted(found.items(), key=lambda item: -item[1]))
    return StepProfile(ordered, step_ms, len(steps)) if steps else None


def _updates(event: FunctionEvent) -> bool:
    return any(kind_of(child.name) == "optimizer" for child in event.cpu_children)


def _add(event: FunctionEvent, kind: str | None, sums: dict[str, float]) -> None:
    kind = kind or kind_of(event.name)
    sums[kind or REST] += event.self_cpu_time_total
    for child in event.cpu_children:
        _add(child, kind, sums)


def kind_of(operation: str) -> str | None:
    """Return the kind of work that an operation's name tells, or None.

    Example:
        >>> kind_of("aten::max_pool2d"), kind_of("_BatchNormBackward"), kind_of("aten::view")
        ('pooling', 'normalisation', None)
    """
    for kind, pattern in _PATTERNS.items():
        if pattern.search(operation):
            return kind
    return None
