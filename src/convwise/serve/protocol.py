"""HTTP/1.1 with bounds that uvicorn leaves open: slow requests, endless headers, connections."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from convwise.serve.limits import Limits

# The application answers 408 in time; this ends what the application does not see.
GRACE_SECONDS = 2.0
_TOO_LONG = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


def bounded_protocol(limits: Limits) -> type[asyncio.Protocol]:
    """Return uvicorn's protocol with limits.

    A connection is closed when a request, or the rest of one that is answered already, has not
    come within ``receive_seconds`` of its first byte; when nothing comes in that time on a new
    connection; when headers go on beyond ``header_bytes``; or when there are too many connections.
    """

    class BoundedProtocol(HttpToolsProtocol):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self._deadline: asyncio.TimerHandle | None = None
            self._in_headers = False
            self._header_bytes = 0

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.abort()
                return
            self._await_request()

        def connection_lost(self, exc: Exception | None) -> None:
            self._request_came()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._in_headers:
                self._header_bytes += len(data)
                if self._header_bytes > limits.header_bytes and not self.transport.is_closing():
                    self.transport.write(_TOO_LONG)
                    self.transport.close()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_headers, self._header_bytes = True, 0
            self._await_request()

        def on_headers_complete(self) -> None:
            self._in_headers = False
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._request_came()
            super().on_message_complete()

        def _await_request(self) -> None:
            if self._deadline is None:
                seconds = limits.receive_seconds + GRACE_SECONDS
                self._deadline = self.loop.call_later(seconds, self._too_slow)

        def _request_came(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _too_slow(self) -> None:
            self._deadline = None
            if not self.transport.is_closing():
                self.transport.abort()

    return BoundedProtocol
