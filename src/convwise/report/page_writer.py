"""A page as one HTML file that asks for nothing beyond itself."""

from __future__ import annotations

import base64
import hashlib
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped unless a chart made it."""
    loader = PackageLoader("convwise.report", "templates")
    return Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **context: object) -> str:
    """Return a page.

    The templates get ``style``, ``script`` and ``policy``: a Content-Security-Policy that lets
    these two run, by their hashes, and forbids every request.
    """
    style, script = _asset("style.css"), _asset("page.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    page = environment().get_template(template)
    return page.render(style=Markup(style), script=Markup(script), policy=policy, **context)


@cache
def _asset(name: str) -> str:
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0]


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
