"""The server's HTTP face: routes, their documentation, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.exceptions import HTTPException

from convwise.serve.answers import ModelFacts, Predictions, State, problems
from convwise.serve.gate import Gate, problem, refused
from convwise.serve.metrics import CONTENT_TYPE
from convwise.serve.predicting import LONGEST_NAME, PARAMETERS, predict
from convwise.serve.refusals import Refusal
from convwise.serve.service import Service

STATIC = Path(__file__).with_name("static")
PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self';"
    " img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "One image as it is, or any number of them as file parts.",
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["image"],
                    "properties": {
                        "image": {"type": "array", "minItems": 1, "items": _BINARY["schema"]}
                    },
                    "additionalProperties": False,
                }
            },
            "image/*": _BINARY,
            "application/octet-stream": _BINARY,
        },
    }
}
ModelName = Annotated[
    str | None,
    Query(description="Name of the model; the first one without it.", max_length=LONGEST_NAME),
]


def make_app(service: Service, token: str | None = None, *, any_host: bool = False) -> Gate:
    """Return the ASGI application of a service.

    Args:
        service: what answers; it is started and closed by whoever runs the application.
        token: see :class:`Gate`.
        any_host: see :class:`Gate`.
    """
    # The usual pages beside an OpenAPI document load their scripts from elsewhere.
    app = FastAPI(
        title="convwise",
        summary="Predictions of convolutional classifiers.",
        version=version("convwise"),
        docs_url=None,
        redoc_url=None,
    )
    app.openapi = _document(app, with_token=token is not None)  # type: ignore[method-assign]
    _add_predict(app, service)
    _add_facts(app, service)
    _add_page(app)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    return Gate(app, service, token, any_host=any_host)


def _add_predict(app: FastAPI, service: Service) -> None:
    @app.post(
        "/predict",
        response_class=JSONResponse,
        responses={
            200: {"model": Predictions, "description": "At least one image was answered."},
            422: {"model": Predictions, "description": "None of the images can be read."},
            **problems(400, 401, 403, 404, 408, 413, 415, 429, 500, 503),
        },
        openapi_extra={**_BODY, "parameters": PARAMETERS},
        summary="Label images.",
    )
    async def route(request: Request) -> Response:
        return await predict(service, request.scope, request.receive)


def _add_facts(app: FastAPI, service: Service) -> None:
    @app.get("/live", response_model=State, responses=problems(403), summary="Is it alive?")
    async def live() -> dict[str, Any]:
        return {"status": "live"}

    @app.get(
        "/ready",
        responses={200: {"model": State}, 503: {"model": State}, **problems(403)},
        summary="Should requests be sent to it?",
    )
    async def ready() -> JSONResponse:
        reason = service.not_ready()
        if reason is not None:
            return JSONResponse({"status": "not ready", "reason": reason}, 503)
        return JSONResponse({"status": "ready"})

    @app.get(
        "/metrics",
        response_class=Response,
        responses={
            200: {"content": {CONTENT_TYPE: {"schema": {"type": "string"}}}},
            **problems(401, 403),
        },
        summary="Figures for Prometheus.",
    )
    async def metrics() -> Response:
        text = service.metrics.text(service.admission, service.pool.pids, draining=service.draining)
        return Response(text, headers={"Content-Type": CONTENT_TYPE})

    @app.get(
        "/model",
        responses={200: {"model": ModelFacts}, **problems(400, 401, 403, 404)},
        summary="A model: classes, image format, card.",
    )
    async def model(model: ModelName = None) -> JSONResponse:
        served = service.shelf.take(model)
        return JSONResponse(served.facts() | {"models": service.shelf.names})


def _add_page(app: FastAPI) -> None:
    headers = {"Content-Security-Policy": PAGE_POLICY, "Referrer-Policy": "no-referrer"}
    for path, name in (
        ("/", "page.html"),
        ("/static/page.css", "page.css"),
        ("/static/page.js", "page.js"),
    ):
        app.add_api_route(
            path, _file(STATIC / name, headers), methods=["GET"], include_in_schema=False
        )


def _file(path: Path, headers: dict[str, str]) -> Any:
    async def send() -> FileResponse:
        return FileResponse(path, headers=headers)

    return send


def _document(app: FastAPI, *, with_token: bool) -> Callable[[], dict[str, Any]]:
    """Return a function that gives the OpenAPI document as this server keeps to it."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        document = plain()
        # What is wrong with a query is told as a 400, in the form of every other problem.
        document["paths"]["/model"]["get"]["responses"].pop("422", None)
        for name in ("HTTPValidationError", "ValidationError"):
            document["components"]["schemas"].pop(name, None)
        if with_token:
            document["components"]["securitySchemes"] = {
                "token": {"type": "http", "scheme": "bearer"}
            }
            for path in ("/predict", "/model", "/metrics"):
                for operation in document["paths"][path].values():
                    operation["security"] = [{"token": []}]
        return document

    return openapi


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return refused(error)


async def _not_valid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    told = "; ".join(f"{each['loc'][-1]}: {each['msg']}" for each in error.errors()[:5])
    return problem(400, told)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), dict(error.headers or {}))
