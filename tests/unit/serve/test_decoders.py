"""The pool of decoders, and what happens where one dies, hangs or lacks memory."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import struct
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from PIL import Image

from convwise.data.decode import decode_image
from convwise.errors import RunError
from convwise.image import ImageFormat
from convwise.serve import decoder_process, limits
from convwise.serve.decoder import decode_frame
from convwise.serve.decoders import DecoderPool
from convwise.serve.frames import LENGTH, pack, unpack
from convwise.serve.limits import Limits
from event_loop import run_in_loop

FORMAT = ImageFormat(6, 5, 1)


def png(number: int, shape: tuple[int, ...] = (9, 8)) -> bytes:
    file = io.BytesIO()
    pixels = np.random.default_rng(number).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def with_pool(
    work: Callable[[DecoderPool], Awaitable[None]], count: int = 2, bounds: Limits | None = None
) -> list[str]:
    """Run some work with a pool; return why decoders ended."""
    ended: list[str] = []

    async def run() -> None:
        pool = DecoderPool(count, bounds or Limits(), ended.append)
        await pool.start()
        try:
            async with asyncio.timeout(20):
                await work(pool)
        finally:
            await pool.close()

    run_in_loop(run())
    return ended


def test_pictures_come_back_in_the_order_of_asking_whatever_their_format() -> None:
    files = [png(number) for number in range(60)]
    formats = [FORMAT, ImageFormat(4, 4, 3)]

    async def work(pool: DecoderPool) -> None:
        asked = [pool.decode(each, formats[place % 2]) for place, each in enumerate(files)]
        for place, found in enumerate(await asyncio.gather(*asked)):
            expected = decode_image(files[place], formats[place % 2])
            assert np.array_equal(found, expected)

    assert with_pool(work) == []


def test_a_broken_picture_gets_a_reason_and_its_neighbours_their_pixels() -> None:
    async def work(pool: DecoderPool) -> None:
        good, cut = png(1), png(2)[:60]
        found = await asyncio.gather(
            *(pool.decode(each, FORMAT) for each in (good, cut, b"", b"GIF89a", good))
        )
        assert found[1] == "the file is cut off"
        assert found[2] == "the file is empty"
        assert "GIF" in found[3]
        for place in (0, 4):
            assert np.array_equal(found[place], decode_image(good, FORMAT))

    assert with_pool(work) == []


def test_what_a_dead_decoder_worked_on_is_decoded_by_another() -> None:
    files = [png(number, (120, 160, 3)) for number in range(60)]

    async def work(pool: DecoderPool) -> None:
        asked = asyncio.gather(*(pool.decode(each, FORMAT) for each in files))
        for _ in range(3):
            await asyncio.sleep(0.01)
            for pid in pool.pids:
                os.kill(pid, signal.SIGKILL)
        for file, found in zip(files, await asked, strict=True):
            if isinstance(found, str):  # it was in the wrong place twice
                assert found == "the picture ends the decoder"
            else:
                assert np.array_equal(found, decode_image(file, FORMAT))
        assert np.array_equal(await pool.decode(files[0], FORMAT), decode_image(files[0], FORMAT))
        assert len(pool.pids) == 2

    assert "the picture ends the decoder" in with_pool(work)


def test_a_picture_that_takes_too_long_fails_alone() -> None:
    async def work(pool: DecoderPool) -> None:
        (pid,) = pool.pids
        os.kill(pid, signal.SIGSTOP)
        assert await pool.decode(png(1), FORMAT) == "decoding took longer than 0.2 s"
        assert isinstance(await pool.decode(png(2), FORMAT), np.ndarray)
        assert pool.pids != [pid]

    assert with_pool(work, 1, Limits(decode_seconds=0.2)) == ["decoding took longer than 0.2 s"]


def test_a_picture_beyond_a_decoders_memory_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DECODER_ROOM", 0)
    monkeypatch.setattr(limits, "BYTES_PER_PIXEL", 1)

    async def work(pool: DecoderPool) -> None:
        large = png(1, (10, 10, 4))
        assert isinstance(await pool.decode(large, FORMAT), np.ndarray)
        stretched = io.BytesIO()
        Image.new("RGBA", (4_000, 4_000)).save(stretched, "PNG")
        found = await pool.decode(stretched.getvalue(), FORMAT)
        assert found == "the picture needs more memory than decoding may take"
        assert isinstance(await pool.decode(large, FORMAT), np.ndarray)

    with_pool(work, 1, Limits(pixels=16_000_000))


def test_a_picture_that_states_too_many_pixels_is_not_decoded() -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + b"\0\0\0\0"

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))

    async def work(pool: DecoderPool) -> None:
        found = await pool.decode(b"\x89PNG\r\n\x1a\n" + header, FORMAT)
        assert isinstance(found, str)
        assert isinstance(await pool.decode(png(1, (40, 30)), FORMAT), np.ndarray)
        assert "more than the 1,200" in str(await pool.decode(png(1, (41, 30)), FORMAT))

    assert with_pool(work, 1, Limits(pixels=1_200)) == []


def test_a_decoder_that_cannot_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(pool: DecoderPool) -> None:
        pass

    monkeypatch.setattr(decoder_process.sys, "executable", "/bin/true")
    with pytest.raises(RunError, match="before it is ready"):
        with_pool(nothing, 1)
    monkeypatch.setattr(decoder_process.sys, "executable", "/no/such/file")
    with pytest.raises(RunError, match="cannot be started"):
        with_pool(nothing, 1)


def test_a_frame_is_answered_in_the_words_of_the_module() -> None:
    contents = [png(1), b"nothing"]
    told = {
        "format": FORMAT.to_dict(),
        "max_pixels": 100,
        "sizes": [len(each) for each in contents],
    }
    incoming, outgoing = io.BytesIO(pack(told, contents)), io.BytesIO()
    assert decode_frame(incoming, outgoing)
    assert not decode_frame(incoming, outgoing)
    answer = outgoing.getvalue()
    (length,) = LENGTH.unpack(answer[:4])
    reasons = unpack(answer[4 : 4 + length])["reasons"]
    assert reasons[0] is None
    assert reasons[1].startswith("not a picture")
    assert answer[4 + length :] == decode_image(contents[0], FORMAT).tobytes()
