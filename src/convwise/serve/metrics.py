"""Figures of a running server, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from convwise.serve.admission import Admission

CONTENT_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """What is counted, in a registry of its own, so that several servers do not meet."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of = self.registry
        self._requests = Counter(
            "convwise_requests", "Requests that were answered.", ["path", "status"], registry=of
        )
        self._seconds = Histogram(
            "convwise_request_seconds",
            "From a request's headers to the end of its answer.",
            ["path"],
            buckets=_SECONDS,
            registry=of,
        )
        self._images = Counter(
            "convwise_images",
            "Images, by what became of them.",
            ["model", "outcome"],
            registry=of,
        )
        self.batch_images = Histogram(
            "convwise_batch_images", "Images in a batch.", buckets=_SIZES, registry=of
        )
        self.batch_seconds = Histogram(
            "convwise_batch_seconds", "Computing a batch.", buckets=_SECONDS, registry=of
        )
        self.restarts = Counter(
            "convwise_decoder_restarts", "Decoders that ended and were started again.", registry=of
        )
        self.reloads = Counter(
            "convwise_reloads",
            "Models that were to be read again.",
            ["model", "outcome"],
            registry=of,
        )
        self._waiting = Gauge(
            "convwise_waiting_images", "Images accepted and not yet answered.", registry=of
        )
        self._held = Gauge("convwise_held_bytes", "Bytes of bodies that are held.", registry=of)
        self._resident = Gauge(
            "convwise_resident_bytes", "Memory of the server and its decoders.", registry=of
        )
        self.cap = Gauge("convwise_memory_cap_bytes", "What that stays below.", registry=of)
        self._draining = Gauge("convwise_draining", "1 while the server drains.", registry=of)
        self._known: dict[tuple[str, int], Counter] = {}
        self._timed: dict[str, Histogram] = {}

    def request(self, path: str, status: int, seconds: float) -> None:
        """Count a request; ``path`` is one of the server's own, never what a client made up."""
        counter = self._known.get((path, status))
        if counter is None:
            counter = self._known[path, status] = self._requests.labels(path, str(status))
            self._timed[path] = self._seconds.labels(path)
        counter.inc()
        self._timed[path].observe(seconds)

    def images(self, model: str, answered: int, refused: int) -> None:
        """Count the images of a request."""
        self._images.labels(model, "answered").inc(answered)
        self._images.labels(model, "unreadable").inc(refused)

    def batch(self, size: int, seconds: float) -> None:
        """Count a batch."""
        self.batch_images.observe(size)
        self.batch_seconds.observe(seconds)

    def text(self, admission: Admission, pids: Iterable[int], *, draining: bool) -> bytes:
        """Return everything in Prometheus's text format."""
        self._waiting.set(admission.images)
        self._held.set(admission.bytes)
        self._resident.set(resident_bytes(pids))
        self._draining.set(draining)
        return generate_latest(self.registry)


def resident_bytes(pids: Iterable[int]) -> int:
    """Return the memory of this process and others; 0 where the system does not tell.

    Example:
        >>> resident_bytes([]) >= 0
        True
    """
    total = 0
    for pid in ("self", *pids):
        try:
            lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
            total += next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmRSS"))
        except (OSError, StopIteration, ValueError):
            continue
    return total
