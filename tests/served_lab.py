"""A lab that listens on a port of this machine, served by a thread of this process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn

from convwise.lab.access import Limits
from convwise.lab.app import make_app
from convwise.lab.places import Places
from convwise.lab.server import bind


@dataclass(frozen=True)
class ServedLab:
    """Where it is, and what lets one in."""

    port: int
    url: str
    cookie: str
    token: str


@contextmanager
def served(places: Places, limits: Limits | None = None) -> Iterator[ServedLab]:
    bound = bind()
    app = make_app(places, bound.access, limits)
    config = uvicorn.Config(
        app, http="h11", ws="none", log_level="error", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=lambda: asyncio.run(server.serve(sockets=[bound.listener])), daemon=True
    )
    thread.start()
    access = bound.access
    try:
        yield ServedLab(bound.port, bound.url, f"{access.cookie}={access.token}", access.token)
    finally:
        server.should_exit = True
        # A training that still runs is stopped first, and scores what was learnt.
        thread.join(90)
        assert not thread.is_alive()


@contextmanager
def lab_that_trains(folder: Path, cache: Path) -> Iterator[ServedLab]:
    """Serve a lab whose trainings take one thread, and keep what they find out to themselves."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(cache))
        patch.setenv("OMP_NUM_THREADS", "1")
        with served(Places(folder / "runs", (), folder / "studies")) as running:
            yield running
