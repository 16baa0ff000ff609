"""What a request that fails is answered with: one JSON object with a sentence."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from convwise.errors import ConvwiseError, RequestError
from convwise.lab.places import UnknownIdError

_LOG = logging.getLogger("convwise.lab")


def tell_failures(app: FastAPI) -> None:
    """Make the app answer errors as ``{"message": …}``.

    An id that is not known gives 404, another wrong request 400, work that failed 500; what
    was not foreseen is logged and answered without its details.
    """
    app.add_exception_handler(ConvwiseError, _convwise)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def _convwise(request: Request, error: Exception) -> JSONResponse:
    status = 500
    if isinstance(error, UnknownIdError):
        status = 404
    elif isinstance(error, RequestError):
        status = 400
    return JSONResponse({"message": _plain(str(error))}, status)


def _validation(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    told = []
    for each in error.errors()[:5]:
        where = ".".join(str(part) for part in each["loc"] if part != "body")
        told.append(f"{where}: {each['msg']}" if where else str(each["msg"]))
    return JSONResponse({"message": _plain("; ".join(told))}, 400)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return JSONResponse({"message": str(error.detail)}, error.status_code)


def _unforeseen(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("%s failed", request.url.path, exc_info=error)
    return JSONResponse({"message": "the lab failed here; its terminal tells where"}, 500)


def _plain(text: str) -> str:
    """Return text that JSON can carry: names of files may hold halves of characters."""
    return text.encode("utf-8", errors="replace").decode("utf-8")
