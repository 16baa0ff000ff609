"""What is served, and how."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from convwise.errors import OptionError
from convwise.serve.limits import Limits
from convwise.serve.served_model import Batching, WantedRuntime

SHORTEST_TOKEN = 16


@dataclass(frozen=True)
class Settings:
    """Everything that is decided before a server starts.

    Args:
        models: name → run folder or model file; the first is who answers when none is named.
        host: address to listen on.
        port: 0 takes one that is free.
        token: that requests must bring; needed beyond loopback.
        runtime: what computes.
        batching: how pictures are put together.
        limits: what is accepted at most.
        decoders: processes that decode.
        threads: that a model computes with.

    Raises:
        OptionError: a value is out of range, or others could reach the server without a token.
    """

    models: Mapping[str, Path]
    host: str = "127.0.0.1"
    port: int = 8000
    token: str | None = None
    runtime: WantedRuntime = "torch"
    batching: Batching = field(default_factory=Batching)
    limits: Limits = field(default_factory=Limits)
    decoders: int = 2
    threads: int = 2

    def __post_init__(self) -> None:
        if not self.models:
            raise OptionError("no model to serve; give a run folder or a model file")
        if not 0 <= self.port <= 65_535:
            raise OptionError(f"--port {self.port} is not between 0 and 65535")
        for name in ("decoders", "threads"):
            if getattr(self, name) < 1:
                raise OptionError(f"--{name} {getattr(self, name)} is not above 0")
        if not 1 <= self.batching.most <= 256 or not 0 <= self.batching.wait_seconds <= 1:
            raise OptionError("a batch has 1 to 256 images and waits for 0 to 1000 ms")
        if self.token is not None and (
            len(self.token) < SHORTEST_TOKEN or not self.token.isascii() or " " in self.token
        ):
            raise OptionError(
                f"the token is too short or has other than ASCII letters; take at least"
                f" {SHORTEST_TOKEN}, of `openssl rand -hex 32` for example"
            )
        if self.token is None and not self.on_loopback:
            raise OptionError(
                f"--host {self.host} can be reached by others: give --token, or the variable"
                " CONVWISE_TOKEN, that their requests must bring"
            )

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
