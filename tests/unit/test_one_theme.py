"""The report, the server's page and the exported page stand alone, and look alike."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

SHEETS = {
    "report": "report/templates/style.css",
    "server's page": "serve/static/page.css",
    "exported page": "ship/web/page/style.css",
}
# The exported page has its controls on its ground, where a fainter line would not show.
THEIR_OWN = {"line"}


def tokens(name: str, *, dark: bool) -> dict[str, str]:
    text = files("convwise").joinpath(SHEETS[name]).read_text(encoding="utf-8")
    light, _, rest = text.partition("@media (prefers-color-scheme: dark)")
    block = rest.partition("\n}\n")[0] if dark else light
    return dict(re.findall(r"--([a-z-]+):\s*([^;]+);", block))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("name", [name for name in SHEETS if name != "report"])
def test_what_two_style_sheets_both_name_is_the_same(name: str, dark: bool) -> None:
    theirs, ours = tokens(name, dark=dark), tokens("report", dark=dark)
    shared = (theirs.keys() & ours.keys()) - THEIR_OWN
    assert {"paper", "ink", "accent"} <= shared
    assert {each: theirs[each] for each in shared} == {each: ours[each] for each in shared}
