"""Bodies as they come: in any pieces, too large, too slow, or none."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convwise.serve.admission import Admission
from convwise.serve.body import read_images
from convwise.serve.limits import Limits
from convwise.serve.refusals import (
    BadRequest,
    Busy,
    ClientGone,
    NoImageType,
    Refusal,
    TooLarge,
    TooSlow,
)
from convwise.serve.upload import Upload
from event_loop import run_in_loop
from serving import MULTIPART, multipart


def read(
    content_type: str,
    pieces: list[bytes],
    limits: Limits | None = None,
    *,
    ends: bool = True,
    stated: int | None = None,
    admission: Admission | None = None,
) -> list[Upload]:
    bounds = limits or Limits()
    waiting = list(pieces)
    headers = {b"content-type": content_type.encode()}
    if stated is not None:
        headers[b"content-length"] = str(stated).encode()

    async def receive() -> dict[str, Any]:
        if waiting:
            piece = waiting.pop(0)
            return {"type": "http.request", "body": piece, "more_body": bool(waiting) or not ends}
        await asyncio.sleep(60)
        raise AssertionError

    async def run() -> list[Upload]:
        with (admission or Admission(bounds)).enter() as held:
            return await read_images(headers, receive, held, bounds)

    return run_in_loop(run())


@given(
    st.lists(st.binary(max_size=60), min_size=1, max_size=5),
    st.lists(st.integers(1, 40), min_size=1, max_size=8),
)
def test_files_are_the_same_in_whatever_pieces_they_come(
    contents: list[bytes], steps: list[int]
) -> None:
    files = [(f"{place} ü.png", content) for place, content in enumerate(contents)]
    body = multipart(files)
    pieces, start = [], 0
    while start < len(body):
        step = steps[len(pieces) % len(steps)]
        pieces.append(body[start : start + step])
        start += step
    assert read(MULTIPART, pieces) == [Upload(name, content) for name, content in files]


@pytest.mark.parametrize("kind", ["image/png", "image/x-odd", "application/octet-stream", ""])
def test_a_raw_body_is_one_image(kind: str) -> None:
    assert read(kind, [b"ab", b"", b"c"]) == [Upload(None, b"abc")]


def test_a_part_of_the_usual_name_is_an_image_without_a_files_name() -> None:
    assert read(MULTIPART, [multipart([(None, b"abc"), ("", b"d")])]) == [
        Upload(None, b"abc"),
        Upload(None, b"d"),
    ]


@pytest.mark.parametrize(
    ("kind", "body", "error", "words"),
    [
        ("application/json", b'{"url": "http://elsewhere"}', NoImageType, "URLs are not fetched"),
        ("text/html", b"<p>", NoImageType, "text/html"),
        ("image/png", b"", BadRequest, "empty"),
        ("multipart/form-data", b"", BadRequest, "no boundary"),
        ("multipart/form-data; boundary=", b"--", BadRequest, "no boundary"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--", BadRequest, "multipart"),
        (MULTIPART, b"", BadRequest, "no end"),
        (MULTIPART, b"nonsense", BadRequest, "no multipart"),
        (MULTIPART, multipart([("a.png", b"abc")])[:-6], BadRequest, "no end"),
        (MULTIPART, b"--frontier--\r\n", BadRequest, "no "),
        (
            MULTIPART,
            multipart([("a", b"b")]).replace(b'name="image"; filename="a"', b'name="top"'),
            BadRequest,
            "is no file",
        ),
        (
            MULTIPART,
            multipart([("a", b"b")]).replace(b"Content-Type", b"X: y\r\n" * 9 + b"Content-Type"),
            BadRequest,
            "no multipart",
        ),
        (
            MULTIPART,
            multipart([("a" * 2_000, b"b")]),
            BadRequest,
            "no multipart",
        ),
    ],
)
def test_what_is_no_image_is_refused(
    kind: str, body: bytes, error: type[Refusal], words: str
) -> None:
    with pytest.raises(error, match=words):
        read(kind, [body])


def test_a_body_is_refused_at_the_byte_that_is_too_much() -> None:
    limits = Limits(body_bytes=10)
    assert read("image/png", [b"12345", b"67890"], limits)[0].content == b"1234567890"
    # The rest never comes, and is not waited for.
    with pytest.raises(TooLarge, match="larger than 10 bytes"):
        read("image/png", [b"12345", b"678901"], limits, ends=False)
    with pytest.raises(TooLarge):
        read("image/png", [], limits, stated=11)
    with pytest.raises(TooLarge):
        read("image/png", [], limits, stated=10**40)


def test_the_file_that_is_too_many_is_refused_when_it_begins() -> None:
    limits = Limits(images=2)
    three = multipart([("a", b"1"), ("b", b"2"), ("c", b"3" * 99)])
    with pytest.raises(TooLarge, match="more than 2 images"):
        read(MULTIPART, [three[: three.index(b"333")]], limits, ends=False)


def test_bodies_of_all_requests_together_have_a_bound() -> None:
    limits = Limits(body_bytes=10, waiting_bytes=15)
    admission = Admission(limits)
    with admission.enter() as other:
        other.more_bytes(8)
        with pytest.raises(Busy):
            read("image/png", [b"12345678"], limits, admission=admission)
        assert admission.bytes == 8
    assert read("image/png", [b"12345678"], limits, admission=admission)
    assert admission.bytes == 0


def test_a_body_that_does_not_come_in_time_is_refused() -> None:
    with pytest.raises(TooSlow, match=r"within 0\.05 s"):
        read("image/png", [b"1"], Limits(receive_seconds=0.05), ends=False)


def test_a_client_that_leaves_is_no_error_of_the_server() -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def run() -> None:
        limits = Limits()
        with Admission(limits).enter() as held:
            await read_images({}, receive, held, limits)

    with pytest.raises(ClientGone):
        run_in_loop(run())


def test_the_queue_is_counted_in_images_and_tells_when_it_may_be_free() -> None:
    admission = Admission(Limits(queue=3))
    with admission.enter() as held:
        held.images(2)
        with admission.enter() as other, pytest.raises(Busy) as refused:
            other.images(2)
        assert 1 <= refused.value.retry_after <= 30
        with admission.enter() as other:
            other.images(1)
            with pytest.raises(Busy):
                admission.enter()
    assert admission.images == 0
