from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convwise.design.network import Network
from convwise.training.network_request import NetworkRequest, short_name


@pytest.mark.parametrize(
    ("network", "name"),
    [
        ("lenet", "lenet"),
        (" lenet\n", "lenet"),
        ("nets/small.txt", "small"),
        (Path("my nets/small.json"), "small"),
        ("flatten | dense classes", "custom"),
        ("flatten\ndense classes", "custom"),
        ('{"layers":[]}', "custom"),
        (Network.from_text("flatten | dense classes"), "custom"),
    ],
)
def test_a_network_has_a_short_name(network: Any, name: str) -> None:
    assert short_name(network) == name


def test_the_time_chooses_only_a_width_that_nobody_asked_for() -> None:
    asked = [NetworkRequest.of(network) for network in (None, "auto", "lenet")]
    assert [(each.name, each.by_time) for each in asked] == [
        ("fast", False),
        ("fast", True),
        ("lenet", False),
    ]
    assert asked[0].network == asked[1].network != asked[2].network
