"""schemathesis against the server's own OpenAPI: no 5xx, no answer that it does not tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from serving import Running, running, write_model

schemathesis = pytest.importorskip("schemathesis")

# Two dozen in the suite; CONVWISE_SCHEMATHESIS_EXAMPLES=500 asks for more.
EXAMPLES = int(os.environ.get("CONVWISE_SCHEMATHESIS_EXAMPLES", "24"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    file = write_model(tmp_path_factory.mktemp("openapi") / "small.safetensors")
    with running({"small": file}) as found:
        yield found


@pytest.fixture(scope="module")
def api(server: Running) -> object:
    return schemathesis.openapi.from_url(f"{server.url}/openapi.json")


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_that_the_document_tells(case) -> None:  # type: ignore[no-untyped-def]
    checks = schemathesis.checks
    case.call_and_validate(
        checks=[
            checks.not_a_server_error,
            schemathesis.openapi.checks.status_code_conformance,
            schemathesis.openapi.checks.content_type_conformance,
            schemathesis.openapi.checks.response_schema_conformance,
        ]
    )


def test_models_are_where_they_should_be(server: Running, tmp_path: Path) -> None:
    assert server.get("/model")[0] == 200
