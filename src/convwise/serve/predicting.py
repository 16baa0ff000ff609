"""POST /predict: what it asks for, and how it is answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from starlette.responses import Response

from convwise.serve.body import read_images
from convwise.serve.explanation import COSTS_AS_MANY, MOST_IN_REQUEST
from convwise.serve.refusals import BadRequest, TooLarge
from convwise.serve.service import Service

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

USUAL_TOP, LARGEST_TOP = 5, 65_536
GRAD_CAM = "grad_cam"
LONGEST_NAME = 200
MOST_FIELDS = 16

PARAMETERS: Final = [
    {
        "name": "top",
        "in": "query",
        "description": "Classes to name.",
        "schema": {
            "type": "integer",
            "minimum": 1,
            "maximum": LARGEST_TOP,
            "default": USUAL_TOP,
        },
    },
    {
        "name": "explain",
        "in": "query",
        "description": "Add a map of where the network looked.",
        "schema": {"type": "string", "enum": [GRAD_CAM]},
    },
    {
        "name": "model",
        "in": "query",
        "description": "Name of the model; the first one without it.",
        "schema": {"type": "string", "maxLength": LONGEST_NAME},
    },
]
"""The query as OpenAPI tells it; :func:`read_query` keeps to it."""


@dataclass(frozen=True)
class Asked:
    """What the query asks for."""

    top: int = USUAL_TOP
    explain: bool = False
    model: str | None = None


def read_query(query: bytes) -> Asked:
    """Read a query.

    Raises:
        BadRequest: a value is not understood.

    Example:
        >>> read_query(b"top=3&model=cats")
        Asked(top=3, explain=False, model='cats')
    """
    if not query:
        return Asked()
    try:
        text = query.decode("ascii")
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise BadRequest("the query is not understood") from None
    top, explain, model = (fields.get(name, [None])[-1] for name in ("top", "explain", "model"))
    if explain is not None and explain != GRAD_CAM:
        raise BadRequest(f"explain: {explain[:40]!r} is not {GRAD_CAM}")
    if model is not None and len(model) > LONGEST_NAME:
        raise BadRequest(f"model: a name has at most {LONGEST_NAME} letters")
    return Asked(USUAL_TOP if top is None else _count(top), explain is not None, model)


def _count(text: str) -> int:
    short = text.isascii() and text.isdecimal() and len(text) <= 6
    if not short or not 1 <= int(text) <= LARGEST_TOP:
        raise BadRequest(f"top: {text[:40]!r} is no number from 1 to {LARGEST_TOP}")
    return int(text)


async def predict(service: Service, scope: Scope, receive: Receive) -> Response:
    """Answer a request.

    Args:
        service: what answers.
        scope: of ASGI; gets ``convwise``, facts for the log.
        receive: of ASGI.

    Raises:
        Refusal: the request is not answered.
        ClientGone: it does not come to its end.
    """
    with service.admission.enter() as held:
        asked = read_query(scope["query_string"])
        served = service.shelf.take(asked.model)
        uploads = await read_images(dict(scope["headers"]), receive, held, service.limits)
        held.images(_cost(len(uploads), asked.explain))
        found = await service.predict(served, uploads, asked.top, explain=asked.explain)
    failed = sum("error" in each for each in found)
    scope["convwise"] = {"model": served.name, "images": len(found), "unreadable": failed}
    told = {"model": served.name, "version": served.version, "predictions": found}
    status = 422 if failed == len(found) else 200
    return Response(json.dumps(told, allow_nan=False), status, media_type="application/json")


def _cost(images: int, explained: bool) -> int:
    """Return as how many images a request counts."""
    if not explained:
        return images
    if images > MOST_IN_REQUEST:
        raise TooLarge(f"explain={GRAD_CAM} takes at most {MOST_IN_REQUEST} images in a request")
    return images * COSTS_AS_MANY
