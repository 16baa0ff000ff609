"""A server from its start to its end: listening, SIGHUP, and a stop that loses no request."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator

import torch
import uvicorn

from convwise.errors import OptionError
from convwise.serve.app import make_app
from convwise.serve.limits import Limits
from convwise.serve.logs import log_to, tell
from convwise.serve.protocol import bounded_protocol
from convwise.serve.service import Service
from convwise.serve.settings import Settings

BACKLOG = 2_048
KEEP_ALIVE_SECONDS = 65
# While a server stops: connections that the system has accepted come in, and clients that keep a
# connection are told with their next answer to close it.
SETTLE_SECONDS, FAREWELL_SECONDS, TICK_SECONDS = 0.5, 1.0, 0.02
# The loop that speaks HTTP and the thread that computes share Python's lock; by default the one
# that waits for it would wait for 5 ms, each time.
SWITCH_SECONDS = 0.0005


def serve(settings: Settings, *, log_level: int = logging.INFO) -> None:
    """Serve until SIGTERM or SIGINT, and answer everything that was accepted.

    Args:
        settings: what is served, and how.
        log_level: of the JSON lines on standard error.

    Raises:
        OptionError: the address cannot be used.
        ModelFileError: a model cannot be opened.
        MissingExtraError: the runtime is not installed.
        RunError: the decoders do not start.
    """
    _allow_many_connections()
    sys.setswitchinterval(SWITCH_SECONDS)
    torch.set_num_threads(settings.threads)
    with _listening(settings) as listener:
        server = Server(settings)
        log_to(level=log_level)
        server.run(sockets=[listener])


class Server(uvicorn.Server):
    """uvicorn's server around a :class:`Service`.

    Args:
        settings: what is served, and how.

    Attributes:
        service: what answers.
    """

    def __init__(self, settings: Settings) -> None:
        self.service = Service(settings)
        self._settings = settings
        self._reloads: set[asyncio.Task[None]] = set()
        needs_host = settings.token is None
        super().__init__(
            uvicorn.Config(
                make_app(self.service, settings.token, any_host=not needs_host),
                http=bounded_protocol(settings.limits),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=max(1, round(settings.limits.drain_seconds)),
            )
        )

    def stop(self) -> None:
        """Stop accepting, answer what was accepted, and end; at the second call, end at once."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True

    def reload(self) -> None:
        """Read every model file again, while requests are answered."""
        task = asyncio.get_running_loop().create_task(self.service.reload())
        self._reloads.add(task)
        task.add_done_callback(self._reloads.discard)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the decoders, then listen."""
        try:
            await self.service.start()
            await super().startup(sockets)
        except BaseException:
            await self.service.close()
            raise
        service = self.service
        tell(
            "listening",
            url=_url(sockets[0]) if sockets else None,
            pid=os.getpid(),
            token=self._settings.token is not None,
            memory_cap_bytes=service.memory_cap,
            decoders=self._settings.decoders,
            models=[
                {"name": each.name, "version": each.version, "runtime": each.runtime_words}
                for each in service.shelf.models
            ],
        )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let clients go, then close what is open, then end the decoders."""
        began = time.monotonic()
        tell("stopping", waiting_images=self.service.admission.images)
        await self._close_the_door(sockets or [])
        self.service.draining = True
        await self._say_farewell()
        await super().shutdown(sockets)
        lost = self.service.admission.images
        await self.service.close()
        tell(
            "stopped",
            logging.ERROR if lost else logging.INFO,
            seconds=round(time.monotonic() - began, 2),
            unanswered_images=lost,
        )

    async def _close_the_door(self, sockets: list[socket.socket]) -> None:
        """Take in whoever has connected, and let nobody else connect from that moment on.

        First of all: once answers close their connections, clients connect anew, and whom the
        system has accepted when the door closes, it turns away.
        """
        end = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < end and select.select(sockets, [], [], 0)[0]:
            await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        for listener in sockets:
            listener.close()

    async def _say_farewell(self) -> None:
        """Let each answer close its connection.

        A connection that is closed while a request is on its way loses that request. So those
        that are kept open are closed only after a while in which nothing came on them.
        """
        end = time.monotonic() + FAREWELL_SECONDS
        while self.server_state.connections and time.monotonic() < end and not self.force_exit:
            await asyncio.sleep(TICK_SECONDS)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT stop, SIGHUP reads the models again."""
        loop = asyncio.get_running_loop()
        handlers = {"SIGTERM": self.stop, "SIGINT": self.stop, "SIGHUP": self.reload}
        known = [getattr(signal, name) for name in handlers if hasattr(signal, name)]
        try:
            for number in known:
                loop.add_signal_handler(number, handlers[signal.Signals(number).name])
        except (NotImplementedError, ValueError, RuntimeError):
            # No such handlers on this system, or not the main thread: uvicorn's own way.
            with super().capture_signals():
                yield
            return
        try:
            yield
        finally:
            for number in known:
                loop.remove_signal_handler(number)


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        listener = socket.create_server(
            (settings.host, settings.port), family=family, backlog=BACKLOG
        )
    except OSError as error:
        raise OptionError(
            f"cannot listen on {settings.host} port {settings.port}"
            f" ({(error.strerror or str(error)).lower()}); choose another --port or --host"
        ) from None
    with listener:
        yield listener


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _allow_many_connections() -> None:
    """Raise the number of files that may be open as far as the system lets us."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = Limits().connections * 2
        if soft < wanted and soft != resource.RLIM_INFINITY:
            most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
