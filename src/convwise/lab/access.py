"""Who gets in: the machine's own browser with the token, and nobody else.

A page of another site may make a browser send requests to this machine. It cannot read or forge
the token, its Origin is told by the browser, and a name that was bound anew to 127.0.0.1 (DNS
rebinding) shows in the Host header. Each is checked before anything else happens.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import secrets
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Methods that change nothing and whose answers another site cannot read.
_SAFE = ("GET", "HEAD")
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    # With no-referrer a browser would hide the Origin of forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::[0-9]{1,5})?")
_ENTER = "Open the address that convwise lab printed: it holds the token of this lab."


def new_token() -> str:
    """Return a token that nobody can guess.

    Example:
        >>> len(new_token())
        43
    """
    return secrets.token_urlsafe(32)


@dataclass(frozen=True)
class Access:
    """What a request must show.

    Args:
        token: of this lab.
        port: that it listens on; cookies of two labs must not meet.
        names: further host names that it is reached by; none for a local lab.
        remote: whether it may be reached by any address of this machine.
    """

    token: str
    port: int
    names: frozenset[str] = frozenset()
    remote: bool = False

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the token."""
        return f"convwise-lab-{self.port}"

    def is_token(self, given: str) -> bool:
        """Return whether it is the token; takes as long for a near miss as for any other."""
        return secrets.compare_digest(given.encode(), self.token.encode())

    def knows_host(self, host: str) -> bool:
        """Return whether a Host header names this machine; its port may be that of a tunnel.

        Example:
            >>> access = Access("secret", 8760)
            >>> access.knows_host("localhost:8760"), access.knows_host("evil.example:8760")
            (True, False)
        """
        name = _host_name(host)
        if name in _LOCAL_NAMES or name in self.names:
            return True
        # A rebound name can never look like an address.
        return self.remote and _is_address(name)

    def set_cookie(self) -> str:
        """Return the header that makes a browser keep the token: no script can read it."""
        return f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"


def _host_name(host: str) -> str:
    """Return the name in a Host header, or nothing where it is not written as one."""
    found = _HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower() if found else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


@dataclass(frozen=True)
class Limits:
    """Of a request's body.

    Args:
        body: bytes; a larger body is refused while it arrives.
        seconds: within which it must have arrived.
    """

    body: int = 32 * 1024 * 1024
    seconds: float = 20.0


class Guard:
    """Stands before the app: checks each request, reads its body within limits, adds headers.

    Args:
        app: what stands behind it.
        access: what a request must show.
        limits: of bodies.
    """

    def __init__(self, app: ASGIApp, access: Access, limits: Limits) -> None:
        self._app, self._access, self._limits = app, access, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if refusal := self._refusal(scope, headers):
            await _answer(send, *refusal)
            return
        if scope["path"] == "/" and self._has_token_in_url(scope):
            await _answer(send, 303, "", {"location": "/", "set-cookie": self._access.set_cookie()})
            return
        if not self._has_cookie(headers):
            await _answer(send, 403, _ENTER)
            return
        body: list[Message] = []
        if "content-length" in headers or "transfer-encoding" in headers:
            refusal = await self._read(headers, receive, body)
            if refusal:
                await _answer(send, *refusal)
                return

        async def again() -> Message:
            return body.pop(0) if body else await receive()

        await self._app(scope, again, _with_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        host, origin = headers.getlist("host"), headers.getlist("origin")
        if len(host) != 1 or not self._access.knows_host(host[0]):
            return 421, "This lab does not answer to that name."
        if origin and origin not in ([f"http://{host[0]}"], [f"https://{host[0]}"]):
            return 403, "Requests from other pages are refused."
        if scope["method"] not in _SAFE and not origin:
            return 403, "A request that changes something must tell its Origin."
        # A link to the lab is followed; a picture or script of another page is not delivered.
        site, mode = headers.get("sec-fetch-site"), headers.get("sec-fetch-mode")
        if site in ("cross-site", "same-site") and mode != "navigate":
            return 403, "Requests from other pages are refused."
        return None

    def _has_token_in_url(self, scope: Scope) -> bool:
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [])
        return len(given) == 1 and self._access.is_token(given[0])

    def _has_cookie(self, headers: Headers) -> bool:
        jar: SimpleCookie = SimpleCookie()
        try:
            jar.load(headers.get("cookie", ""))
        except CookieError:
            return False
        kept = jar.get(self._access.cookie)
        return kept is not None and self._access.is_token(kept.value)

    async def _read(
        self, headers: Headers, receive: Receive, body: list[Message]
    ) -> tuple[int, str] | None:
        """Read the body; return a refusal where it is too large or too slow."""
        too_large = 413, f"The body is larger than {self._limits.body:,} bytes."
        stated = headers.get("content-length", "0")
        if not stated.isdecimal() or int(stated) > self._limits.body:
            return too_large
        size = 0
        try:
            async with asyncio.timeout(self._limits.seconds):
                while True:
                    message = await receive()
                    body.append(message)
                    size += len(message.get("body", b""))
                    if size > self._limits.body:
                        return too_large
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return None
        except TimeoutError:
            return 408, f"The body did not arrive within {self._limits.seconds:g} s."


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sent


async def _answer(
    send: Send, status: int, text: str, headers: dict[str, str] | None = None
) -> None:
    # What is left of the body is not read: the connection ends.
    told = {"content-type": "text/plain; charset=utf-8", "connection": "close", **(headers or {})}
    lines = [(name.encode(), value.encode()) for name, value in told.items()]
    sent = _with_headers(send)
    await sent({"type": "http.response.start", "status": status, "headers": lines})
    await sent({"type": "http.response.body", "body": text.encode()})
