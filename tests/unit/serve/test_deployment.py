"""What stands in deploy/ and in the guide is what the command takes."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from convwise.serve.limits import Limits

ROOT = Path(__file__).parents[3]
HELP = (ROOT / "tests" / "golden" / "cli" / "serve.txt").read_text(encoding="utf-8")
OTHERS = {"--data-binary"}  # curl's


@pytest.mark.parametrize("name", ["convwise.service", "Dockerfile"])
def test_options_in_deployment_are_the_commands(name: str) -> None:
    text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if "serve" in line and not line.startswith("#")]
    named = set(re.findall(r"--[a-z][a-z-]+", "\n".join(lines)))
    assert named
    for option in named:
        assert f"{option} " in HELP, option


def test_options_and_bounds_in_the_guide_are_the_commands() -> None:
    guide = (ROOT / "docs" / "guide" / "serve.md").read_text(encoding="utf-8")
    for option in set(re.findall(r"`(--[a-z][a-z-]+)", guide)) - OTHERS:
        assert f"{option} " in HELP, option
    bounds = Limits()
    for text in (
        f"not answered | {bounds.queue} |",
        f"images in a request | {bounds.images} |",
        f"a body | {bounds.body_bytes >> 20} MiB |",
        f"at one time | {bounds.waiting_bytes >> 20} MiB |",
        f"pixels of a picture | {bounds.pixels // 1_000_000} million |",
        f"{bounds.header_bytes >> 10} KiB · {bounds.connections:,} |",
        f"decoding a picture | {bounds.decode_seconds:g} s |",
    ):
        assert text in guide, text


def test_the_unit_stops_the_server_and_not_its_decoders() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string((ROOT / "deploy" / "convwise.service").read_text(encoding="utf-8"))
    service = unit["Service"]
    assert service["KillMode"] == "mixed"
    assert "-HUP $MAINPID" in service["ExecReload"]
    assert float(service["TimeoutStopSec"]) > Limits().drain_seconds
