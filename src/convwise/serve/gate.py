"""What every request passes: its host, its token, its place in log and metrics."""

from __future__ import annotations

import hmac
import itertools
import logging
import re
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import JSONResponse

from convwise.serve.logs import LOGGER, tell
from convwise.serve.predicting import predict
from convwise.serve.refusals import ClientGone, NoToken, NotThisHost, Refusal
from convwise.serve.service import Service

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# These tell nothing about a model and compute nothing. A page must be there before it can ask for
# the token.
OPEN = ("/", "/live", "/ready", "/openapi.json", "/static/page.css", "/static/page.js")
KNOWN = (*OPEN, "/predict", "/model", "/metrics")
_REQUEST_ID = re.compile(rb"[\w.-]{1,64}")
_LOOPBACK = re.compile(rb"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?", re.IGNORECASE)
_CLIENT_GONE = 499  # as nginx logs it
_ALWAYS = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
_CLOSE = (b"connection", b"close")


class Gate:
    """An ASGI application around another one.

    Args:
        app: what answers.
        service: whose metrics count, and which says whether it drains.
        token: that requests must bring; None where none is needed.
        any_host: whether requests may be addressed to other names than this machine's own. Without,
            no page from elsewhere can make a browser ask this server under a name of its own.
    """

    def __init__(self, app: App, service: Service, token: str | None, *, any_host: bool) -> None:
        self._app, self._service = app, service
        self._token = None if token is None else f"Bearer {token}".encode()
        self._any_host = any_host
        self._run, self._numbers = secrets.token_hex(4), itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, whatever happens."""
        if scope["type"] != "http":
            return
        began, status = time.perf_counter(), 0
        headers: dict[bytes, bytes] = dict(scope["headers"])
        request_id = self._request_id(headers)
        added = [*_ALWAYS, (b"x-request-id", request_id)]

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                closes = [_CLOSE] if self._service.draining else []
                message["headers"] = [*message["headers"], *added, *closes]
            await send(message)

        try:
            refusal = self._refusal(scope["path"], headers)
            if refusal is not None:
                await refused(refusal)(scope, receive, noted)
            elif scope["path"] == "/predict" and scope["method"] == "POST":
                # The framework's way there costs as much as decoding a small picture.
                answer = await predict(self._service, scope, receive)
                await answer(scope, receive, noted)
            else:
                await self._app(scope, receive, noted)
        except Refusal as late:
            await refused(late)(scope, receive, noted)
        except ClientGone:
            status = _CLIENT_GONE
        except Exception:
            LOGGER.exception("request failed", extra={"facts": {"id": request_id.decode()}})
            if not status:
                await problem(500, "a defect; the log has it")(scope, receive, noted)
        seconds = time.perf_counter() - began
        path = scope["path"] if scope["path"] in KNOWN else "other"
        self._service.metrics.request(path, status, seconds)
        self._log(scope, request_id, status, seconds)

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> Refusal | None:
        if not self._any_host and not _LOOPBACK.fullmatch(headers.get(b"host", b"")):
            return NotThisHost("this server answers to localhost alone; --token serves others")
        if self._token is None or path in OPEN:
            return None
        if hmac.compare_digest(headers.get(b"authorization", b""), self._token):
            return None
        return NoToken("send the header Authorization: Bearer TOKEN, with the server's token")

    def _request_id(self, headers: dict[bytes, bytes]) -> bytes:
        found = headers.get(b"x-request-id", b"")
        if _REQUEST_ID.fullmatch(found):
            return found
        return f"{self._run}-{next(self._numbers)}".encode()

    def _log(self, scope: Scope, request_id: bytes, status: int, seconds: float) -> None:
        if not LOGGER.isEnabledFor(logging.INFO):
            return
        tell(
            "request",
            logging.ERROR if status >= 500 and status != 503 else logging.INFO,
            id=request_id.decode(),
            method=scope["method"],
            path=scope["path"][:200],
            status=status,
            ms=round(1000 * seconds, 2),
            client=scope["client"][0] if scope.get("client") else None,
            **scope.get("convwise", {}),
        )


def refused(refusal: Refusal) -> JSONResponse:
    """Return the answer to a request that is refused."""
    headers = {}
    if refusal.retry_after is not None:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.closes:
        headers["Connection"] = "close"
    if isinstance(refusal, NoToken):
        headers["WWW-Authenticate"] = "Bearer"
    return problem(refusal.status, refusal.reason, headers)


def problem(status: int, reason: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return ``{"error": reason}``."""
    # A name that a client made up may hold half a surrogate pair, which is no UTF-8.
    clean = reason.encode("utf-8", "replace").decode("utf-8")
    return JSONResponse({"error": clean}, status, headers)
