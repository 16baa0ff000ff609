"""Binding and running the lab: which addresses are allowed, which port is free, how it ends."""

from __future__ import annotations

import errno
import ipaddress
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvicorn

from convwise.errors import OptionError, RunError
from convwise.lab.access import Access, new_token
from convwise.lab.app import make_app
from convwise.lab.places import Places

PORT = 8760
_TRIED = 20
_SECONDS_TO_END = 2


@dataclass(frozen=True)
class Bound:
    """A lab that listens and is not running yet.

    Args:
        listener: its socket.
        access: with the token.
        host: that it is bound to.
    """

    listener: socket.socket
    access: Access
    host: str

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self.access.port

    @property
    def url(self) -> str:
        """The address to open, with the token."""
        host = self.host
        if host in ("0.0.0.0", "::"):
            host = socket.gethostname()
        shown = f"[{host}]" if ":" in host else host
        return f"http://{shown}:{self.port}/?token={self.access.token}"


def bind(host: str = "127.0.0.1", port: int | None = None, *, allow_remote: bool = False) -> Bound:
    """Listen, and make up the token.

    Args:
        host: address to listen on; other than the machine's own only with ``allow_remote``.
        port: which one; the first free one from 8760 on where it is None.
        allow_remote: let other machines in that know the token.

    Raises:
        OptionError: the address is not the machine's own, or the port is taken or out of range.
    """
    if not allow_remote and not _is_loopback(host):
        raise OptionError(
            f"{host} can be reached from other machines; whoever has the token could read your"
            " runs and start trainings: add --allow-remote if you want that, or leave --host out"
            " and reach the lab through an SSH tunnel"
        )
    if port is not None and not 1 <= port <= 65_535:
        raise OptionError(f"port {port} is not between 1 and 65535")
    ports = range(PORT, PORT + _TRIED) if port is None else (port,)
    for number in ports:
        listener = _listen(host, number)
        if listener is not None:
            names = _own_names() if allow_remote else frozenset()
            return Bound(listener, Access(new_token(), number, names, allow_remote), host)
    if port is None:
        raise OptionError(f"ports {PORT} to {PORT + _TRIED - 1} are taken; choose one with --port")
    raise OptionError(f"port {port} is taken, perhaps by another lab; choose another --port")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _own_names() -> frozenset[str]:
    return frozenset({socket.gethostname().lower(), socket.getfqdn().lower()})


def _listen(host: str, port: int) -> socket.socket | None:
    """Return a listening socket, or None where the port is taken."""
    try:
        family, kind, number, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise OptionError(f"{host} is no address of this machine ({error.strerror})") from None
    listener = socket.socket(family, kind, number)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            return None
        raise OptionError(
            f"cannot listen on {host}, port {port} ({error.strerror}); choose another --host or"
            " --port"
        ) from None
    return listener


def run(bound: Bound, places: Places) -> None:
    """Serve until the process is told to stop; trainings then end with a checkpoint.

    Raises:
        RunError: the lab did not come up.
    """
    closing = threading.Event()
    config = uvicorn.Config(
        make_app(places, bound.access, closing=closing),
        http="h11",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    server = _Server(config, closing)
    server.run(sockets=[bound.listener])
    if not server.started:
        raise RunError("the lab did not start; the lines above tell why")


class _Server(uvicorn.Server):
    """Ends by a signal as by a wish: nothing is raised afterwards.

    Args:
        config: of the server.
        closing: set before it waits for open requests.
    """

    def __init__(self, config: uvicorn.Config, closing: threading.Event) -> None:
        super().__init__(config)
        self._closing = closing

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what waits for news, then all else."""
        self._closing.set()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {
            number: signal.signal(number, self.handle_exit)
            for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
