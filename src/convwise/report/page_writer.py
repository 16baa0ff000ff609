"""A page as one HTML file that asks for nothing beyond itself."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from functools import cache

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape


@cache
def environment() -> Environment:
    """Return the templates; every value is escaped unless a chart made it."""
    return environment_of(PackageLoader("convwise.report", "templates"))


def environment_of(loader: BaseLoader) -> Environment:
    """Return an environment in which templates are filled in as those of the report are."""
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["code"] = with_code
    return made


def with_code(words: str) -> Markup:
    """Return words for a page, what stands between backticks as code.

    Example:
        >>> with_code("end with `dense 10 | softmax` & train")
        Markup('end with <code>dense 10 | softmax</code> &amp; train')
    """
    parts = [str(escape(part)) for part in words.split("`")]
    if len(parts) % 2 == 0:
        return escape(words)
    pairs = zip(parts[1::2], parts[2::2], strict=True)
    return Markup(parts[0] + "".join(f"<code>{code}</code>{rest}" for code, rest in pairs))


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
