"""Why a request is not answered, each with its HTTP status."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - an answer, not a failure
    """A request that is not answered.

    Args:
        reason: in words, with what to do instead.
        retry_after: seconds after which it may be worth another try.

    Attributes:
        status: of HTTP.
        closes: whether the connection ends, since the rest of the body is not read.
    """

    status = 500
    closes = False

    def __init__(self, reason: str, retry_after: int | None = None) -> None:
        self.reason, self.retry_after = reason, retry_after
        super().__init__(reason)


class BadRequest(Refusal):
    """A query or a body that is not understood."""

    status = 400


class NoToken(Refusal):
    """The token is missing or wrong."""

    status = 401


class NotThisHost(Refusal):
    """The request is addressed to a name that is not this server's."""

    status = 403


class NoSuchModel(Refusal):
    """No model of that name is served."""

    status = 404


class TooSlow(Refusal):
    """The request did not arrive in time."""

    status, closes = 408, True


class TooLarge(Refusal):
    """The body, or the number of images in it, is above the limit."""

    status, closes = 413, True


class NoImageType(Refusal):
    """The Content-Type is none of an image."""

    status = 415


class Busy(Refusal):
    """The queue is full."""

    status = 429


class Unavailable(Refusal):
    """The server does not get to it in time."""

    status = 503


class ClientGone(Exception):  # noqa: N818
    """The client has closed the connection before its request was complete."""
