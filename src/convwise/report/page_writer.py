"""A page as one HTML file that asks for nothing beyond itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
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


def render(
    template: str,
    *,
    styles: Sequence[str] = ("style.css",),
    script: str | Sequence[str] = (),
    **context: object,
) -> str:
    """Return a page.

    Args:
        template: of the page.
        styles: files beside it that make up its style, in order.
        script: the file beside it that it runs, or several in order; most pages need none.
        context: what the template fills in.

    The templates get ``style``, ``script`` and ``policy``: a Content-Security-Policy that allows
    these two, by their hashes, and forbids every request.
    """
    scripts = (script,) if isinstance(script, str) else script
    style, program = "".join(map(_asset, styles)), "".join(map(_asset, scripts))
    policy = "; ".join(
        [
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(program) if program else 'none'}'",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    page = environment().get_template(template)
    return page.render(style=Markup(style), script=Markup(program), policy=policy, **context)


@cache
def _asset(name: str) -> str:
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0]


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode("utf-8")).digest()
    return "sha256-" + base64.b64encode(digest).decode("ascii")
