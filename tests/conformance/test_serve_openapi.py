"""schemathesis against the server's own OpenAPI: no 5xx, no answer that it does not tell."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from serving import Running, running, write_model

schemathesis = pytest.importorskip("schemathesis")

# Of each path, once with what the document allows and once with what it does not.
EXAMPLES = int(os.environ.get("CONVWISE_SCHEMATHESIS_EXAMPLES", "25"))
PATHS = ("/predict", "/model", "/live", "/ready", "/metrics")
# Nothing can be wrong with a question without parameters.
CASES = [*((path, "positive") for path in PATHS), ("/predict", "negative"), ("/model", "negative")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    file = write_model(tmp_path_factory.mktemp("openapi") / "small.safetensors")
    with running({"small": file}) as found:
        yield found


@pytest.fixture(scope="module")
def operations(server: Running) -> dict[str, Any]:
    api = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    found = [each.ok() for each in api.get_all_operations()]
    return {operation.path: operation for operation in found}


@pytest.mark.parametrize(("path", "mode"), CASES)
def test_every_answer_is_one_that_the_document_tells(
    operations: dict[str, Any], path: str, mode: str
) -> None:
    from schemathesis.checks import not_a_server_error
    from schemathesis.specs.openapi import checks

    examples = EXAMPLES if path in ("/predict", "/model") else max(5, EXAMPLES // 10)
    asked = []

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(operations[path].as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def ask(case: Any) -> None:
        asked.append(case)
        case.call_and_validate(
            checks=[
                not_a_server_error,
                checks.status_code_conformance,
                checks.content_type_conformance,
                checks.response_headers_conformance,
                checks.response_schema_conformance,
                checks.unsupported_method,
            ]
        )

    ask()
    assert asked


def test_every_path_is_asked(operations: dict[str, Any]) -> None:
    assert set(operations) == set(PATHS)
