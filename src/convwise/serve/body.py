"""The images of a request's body, as raw bytes or as multipart, counted while they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol

from python_multipart.multipart import parse_options_header

from convwise.serve.admission import Held
from convwise.serve.limits import Limits
from convwise.serve.multipart import Parts
from convwise.serve.refusals import BadRequest, ClientGone, NoImageType, TooLarge, TooSlow
from convwise.serve.upload import Upload

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

# The second is what curl calls --data-binary without being told a type.
RAW_TYPES = ("application/octet-stream", "application/x-www-form-urlencoded", "")
ACCEPTED = "multipart/form-data, image/* or application/octet-stream"


class Sink(Protocol):
    """What a body is put into, piece by piece."""

    def write(self, data: bytes) -> None:
        """Take the next piece."""

    def uploads(self) -> list[Upload]:
        """Return the images, once all pieces are there."""


class Raw:
    """A body that is one image."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Take the next piece."""
        self._pieces.append(data)

    def uploads(self) -> list[Upload]:
        """Return the image."""
        content = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        if not content:
            raise BadRequest(f"the body is empty; send an image file as {ACCEPTED}")
        return [Upload(None, content)]


async def read_images(
    headers: dict[bytes, bytes], receive: Receive, held: Held, limits: Limits
) -> list[Upload]:
    """Read a body and return its images.

    Args:
        headers: of the request, names in small letters.
        receive: of ASGI.
        held: what the request holds; counts its bytes and images.
        limits: what is read at most.

    Raises:
        BadRequest: it is no multipart, or there is no image in it.
        NoImageType: its Content-Type is another one.
        TooLarge: it has too many bytes or images.
        TooSlow: it does not come in time.
        Busy: too much waits already.
        ClientGone: the rest of it does not come.
    """
    sink = _sink(headers.get(b"content-type", b""), limits)
    _refuse_early(headers, limits)
    try:
        async with asyncio.timeout(limits.receive_seconds):
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                data, more = message.get("body", b""), message.get("more_body", False)
                held.more_bytes(len(data))
                sink.write(data)
    except TimeoutError:
        raise TooSlow(f"the body did not come within {limits.receive_seconds:g} s") from None
    return sink.uploads()


def _sink(content_type: bytes, limits: Limits) -> Sink:
    kind, options = parse_options_header(content_type)
    name = kind.decode("latin-1").lower()
    if name == "multipart/form-data":
        boundary = options.get(b"boundary")
        if not boundary:
            raise BadRequest("Content-Type multipart/form-data has no boundary")
        return Parts(boundary, limits.images_per_request)
    if name in RAW_TYPES or name.startswith("image/"):
        return Raw()
    raise NoImageType(
        f"Content-Type {name[:80]} is no image; send the file's bytes as {ACCEPTED}. URLs are not"
        " fetched"
    )


def _refuse_early(headers: dict[bytes, bytes], limits: Limits) -> None:
    """Refuse by what the headers say, before anything is read."""
    stated = headers.get(b"content-length", b"0")
    if stated.isdigit() and int(stated[:20]) > limits.body_bytes:
        raise TooLarge(
            f"the body is larger than {limits.body_bytes:,} bytes; send fewer or smaller images"
        )
