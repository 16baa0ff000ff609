from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from convwise.data.dataset import Decoded
from convwise.design import zoo
from convwise.design.network import Network
from convwise.design.plan import plan
from convwise.image import ImageFormat
from convwise.training.recipe import Recipe
from convwise.training.train import train
from convwise.training.width import PASSES_NEEDED, choose_width, fast_of_width

IMAGES = 54_000


def flops(network: Network) -> int:
    return plan(network, ImageFormat(28, 28, 1), 10).total_flops


@pytest.mark.parametrize("times", PASSES_NEEDED)
def test_filters_come_in_sixteens(times: float) -> None:
    filters = [layer.filters for layer in fast_of_width(times).layers if hasattr(layer, "filters")]
    assert filters
    assert all(count % 16 == 0 for count in filters)


def test_the_familiar_width_is_fast_itself() -> None:
    assert fast_of_width(1.0) == zoo.network("fast")


def test_more_time_never_gives_a_narrower_network() -> None:
    chosen = [choose_width(seconds, IMAGES, flops, 5_000) for seconds in (1, 5, 20, 60, 300, 9_999)]
    assert [each.times for each in chosen] == sorted(each.times for each in chosen)
    assert chosen[0].times == min(PASSES_NEEDED)
    assert chosen[-1].times == max(PASSES_NEEDED)


def test_a_width_is_taken_as_soon_as_there_is_time_for_its_passes() -> None:
    ratio = flops(zoo.network("fast")) / flops(fast_of_width(1.5))
    enough = PASSES_NEEDED[1.5] * IMAGES / (5_000 * ratio)
    assert choose_width(enough * 1.001, IMAGES, flops, 5_000).times == 1.5
    assert choose_width(enough * 0.999, IMAGES, flops, 5_000).times == 1.0


def test_auto_trains_what_it_chose_and_says_so(
    decoded: Decoded, tmp_path: Path, notes: Any
) -> None:
    recipe = Recipe(time_limit=1.0, batch_size=10)
    run = train(decoded, "auto", recipe, out=tmp_path / "run", threads=1, watcher=notes)
    facts = run.facts["network"]
    texts = [fast_of_width(times).to_text() for times in PASSES_NEEDED]
    assert Network.from_text(facts["text"]).to_text() in texts
    told = [str(values[0]) for values in notes.of("message")]
    assert any(f"network {facts['name']}: time for about" in text for text in told)


def test_without_a_time_limit_auto_is_fast(decoded: Decoded, tmp_path: Path) -> None:
    run = train(decoded, "auto", Recipe(epochs=1), out=tmp_path / "run", threads=1)
    assert Network.from_text(run.facts["network"]["text"]) == zoo.network("fast")
