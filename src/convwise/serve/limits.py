"""What a server accepts at most; memory follows from it."""

from __future__ import annotations

from dataclasses import dataclass, fields

from convwise.errors import OptionError

# A picture of 16 bits a channel is there as the decoder's own pixels and in three steps to 8 bits.
BYTES_PER_PIXEL = 24
DECODER_ROOM = 64 << 20
# What answers about a batch: convwise.evaluation.predict.MOST_BYTES, and as much again for another
# runtime's arena.
BATCH_ROOM = 1 << 30


@dataclass(frozen=True)
class Limits:
    """Bounds of one server.

    Args:
        queue: images that are accepted and not yet answered; beyond it requests get 429.
        images: images in one request.
        body_bytes: bytes of one request's body.
        waiting_bytes: bytes of all bodies that are held at one time.
        pixels: width × height that a picture may state.
        header_bytes: bytes of one request's line and headers.
        connections: open connections; further ones are closed at once.
        receive_seconds: from a request's first byte to its last.
        answer_seconds: from its last byte to the answer.
        decode_seconds: for one picture.
        drain_seconds: for what was accepted, after SIGTERM.

    Raises:
        OptionError: a bound is not positive, or a request could never be accepted.

    Example:
        >>> Limits(pixels=1_000_000).decoder_bytes >> 20
        86
    """

    queue: int = 256
    images: int = 64
    body_bytes: int = 32 << 20
    waiting_bytes: int = 256 << 20
    pixels: int = 32_000_000
    header_bytes: int = 32 << 10
    connections: int = 2_048
    receive_seconds: float = 20.0
    answer_seconds: float = 30.0
    decode_seconds: float = 10.0
    drain_seconds: float = 30.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise OptionError(f"{field.name.replace('_', ' ')}: {value} is not above 0")

    @property
    def images_per_request(self) -> int:
        """As many as are accepted at all."""
        return min(self.images, self.queue)

    @property
    def held_bytes(self) -> int:
        """Bytes of bodies at one time: at least one body fits."""
        return max(self.waiting_bytes, self.body_bytes)

    @property
    def decoder_bytes(self) -> int:
        """Memory that one decoder may take beyond its own program."""
        return DECODER_ROOM + BYTES_PER_PIXEL * self.pixels

    def memory_cap(self, at_rest: int, decoders: int, image_bytes: int) -> int:
        """Return the bytes that server and decoders never exceed together.

        Args:
            at_rest: bytes that they take before the first request, models loaded.
            decoders: how many there are.
            image_bytes: of one decoded picture of the largest format.
        """
        # A body is there as it came, and once more on its way to a decoder.
        bodies = 2 * self.held_bytes + self.connections * (64 << 10)
        pictures = 2 * self.queue * image_bytes
        return at_rest + bodies + pictures + BATCH_ROOM + decoders * self.decoder_bytes
