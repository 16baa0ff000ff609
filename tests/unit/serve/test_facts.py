"""What a server tells of itself: health, figures, card, page, log."""

from __future__ import annotations

import io
import json
import logging
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from convwise.serve.answers import ModelFacts, Predictions
from convwise.serve.app import STATIC
from convwise.serve.gate import KNOWN
from convwise.serve.logs import LOGGER, JsonLines
from serving import CLASSES, FORMAT, MULTIPART, Running, file_of, multipart, picture


def metrics(server: Running) -> dict[tuple[str, ...], float]:
    status, text, headers = server.get("/metrics")
    assert status == 200
    assert headers["content-type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_it_lives_and_is_ready_until_it_stops(server: Running) -> None:
    assert server.get("/live")[:2] == (200, {"status": "live", "reason": None})
    assert server.get("/ready")[:2] == (200, {"status": "ready"})
    server.server.service.draining = True
    try:
        status, told, headers = server.get("/ready")
        assert (status, told["reason"]) == (503, "the server is stopping")
        assert headers["connection"] == "close"
        assert server.get("/live")[0] == 200
    finally:
        server.server.service.draining = False


def test_metrics_count_what_was_asked(server: Running) -> None:
    before = metrics(server)
    server.send(file_of(picture(1)))
    server.send(multipart([(None, file_of(picture(2))), (None, b"x")]), "", MULTIPART)
    server.get("/no/such/path/that/someone/made/up")
    after = metrics(server)

    def more(*name: str) -> float:
        return after[name] - before.get(name, 0)

    assert more("convwise_requests_total", "/predict", "200") == 2
    assert more("convwise_requests_total", "other", "404") == 1
    assert more("convwise_images_total", "small", "answered") == 2
    assert more("convwise_images_total", "small", "unreadable") == 1
    assert more("convwise_batch_images_sum") == 2
    assert more("convwise_request_seconds_count", "/predict") == 2
    assert after["convwise_waiting_images",] == after["convwise_held_bytes",] == 0
    assert 0 < after["convwise_resident_bytes",] < after["convwise_memory_cap_bytes",]
    paths = {name[1] for name in after if name[0] == "convwise_requests_total"}
    assert paths <= {*KNOWN, "other"}


def test_the_card_of_the_model_is_there(server: Running) -> None:
    status, told, _ = server.get("/model")
    assert status == 200
    facts = ModelFacts.model_validate(told)
    assert facts.classes == list(CLASSES)
    assert facts.image_format.model_dump() == FORMAT.to_dict()
    assert facts.card.startswith("---\nlibrary_name: convwise")


def test_answers_are_as_the_openapi_document_says(server: Running) -> None:
    body = multipart([("a", file_of(picture(1))), ("b", b"x")])
    _, told, _ = server.send(body, "?explain=grad_cam", MULTIPART)
    Predictions.model_validate(told)
    document = server.get("/openapi.json")[1]
    assert set(document["paths"]) == {"/predict", "/live", "/ready", "/metrics", "/model"}
    responses = document["paths"]["/predict"]["post"]["responses"]
    assert "422" in responses
    assert "HTTPValidationError" not in json.dumps(document)


def test_the_page_asks_for_nothing_from_elsewhere(server: Running) -> None:
    status, page, headers = server.get("/")
    assert status == 200
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    for name in ("page.css", "page.js"):
        status, content, _ = server.get(f"/static/{name}")
        assert status == 200
        assert b"http://" not in content
        assert b"https://" not in content
    assert b"http://" not in page
    assert b"https://" not in page


@pytest.mark.parametrize("path", ["/static/../app.py", "/static/%2e%2e/app.py", "/docs", "/redoc"])
def test_nothing_else_is_served(server: Running, path: str) -> None:
    assert server.get(path)[0] == 404
    assert {each.name for each in STATIC.iterdir()} == {"page.html", "page.css", "page.js"}


def test_other_methods_are_refused_with_those_that_are_allowed(server: Running) -> None:
    for method, path, allowed in (("GET", "/predict", "POST"), ("DELETE", "/model", "GET")):
        status, told, headers = server.ask(method, path, None, {})
        assert status == 405
        assert headers["allow"] == allowed
        assert told["error"] == "Method Not Allowed"


def test_a_log_line_is_json_whatever_a_client_sends() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    record = LOGGER.makeRecord(
        LOGGER.name, logging.INFO, "f", 1, "request", (), None, extra={"facts": {"path": 'a"\n{}'}}
    )
    handler.emit(record)
    try:
        raise ValueError("two\nlines")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    handler.emit(LOGGER.makeRecord("uvicorn", logging.ERROR, "f", 1, "no", (), info))
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["event"] == "request"
    assert first["path"] == 'a"\n{}'
    assert second["logger"] == "uvicorn"
    assert "ValueError" in second["traceback"]


def test_a_request_keeps_the_number_that_it_came_with(server: Running) -> None:
    assert server.get("/live", **{"X-Request-ID": "abc-1"})[2]["x-request-id"] == "abc-1"
    for odd in ("a b", "x" * 65, "<script>"):
        assert server.get("/live", **{"X-Request-ID": odd})[2]["x-request-id"] != odd
    one, other = (server.get("/live")[2]["x-request-id"] for _ in range(2))
    assert one != other


def test_static_files_are_in_the_package() -> None:
    assert Path(STATIC / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")
