"""Receptive fields against where the gradient of one place of the last map arrives."""

from __future__ import annotations

from typing import Any

import pytest

from convwise.design import Network, Plan, zoo
from convwise.design.plan import plan
from linear_network import seen_from_image

WITH_MAPS = [name for name in zoo.names() if zoo.entry(name).network.layers[0].word != "flatten"]


def thin(values: Any) -> Any:
    """Give every convolution one filter: how many there are has no part in who sees what."""
    if isinstance(values, list):
        return [thin(value) for value in values]
    if not isinstance(values, dict):
        return values
    kept = {key: thin(value) for key, value in values.items()}
    return kept | {key: 1 for key in ("filters", "groups") if key in kept}


def thin_plan(name: str, sides: tuple[int, int] | None = None) -> Plan:
    entry = zoo.entry(name)
    network = Network.from_dict(thin(entry.network.to_dict()))
    image = (*(sides or entry.image[:2]), entry.image[2])
    return plan(network, image, entry.classes).require()


def looked_at(made: Plan, row: int, column: int) -> list[tuple[int, int]]:
    """Return the first and last pixel down and along that have a part in one place."""
    image, last = seen_from_image(made)
    last[0, :, row, column].sum().backward()
    assert image.grad is not None
    assert image.grad.isfinite().all()
    touched = image.grad[0].sum(dim=0) != 0
    axes = (touched.any(dim=1 - axis).nonzero().flatten() for axis in (0, 1))
    return [(int(places[0]), int(places[-1])) for places in axes]


def centre_of(made: Plan) -> tuple[int, int]:
    height, width, _ = made.extractor[-1].output_shape
    return height // 2, width // 2


def planned(made: Plan, place: tuple[int, int]) -> list[tuple[int, int]]:
    """Return the same from the plan, before the border of the image cuts it."""
    fields = made.extractor[-1].field
    assert fields is not None
    starts = [each.start + at * each.stride for each, at in zip(fields, place, strict=True)]
    return [(start, start + each.size - 1) for start, each in zip(starts, fields, strict=True)]


def room_for(made: Plan) -> tuple[int, int]:
    """Return sides, unlike each other, in which the field of the centre lies whole."""
    fields = made.extractor[-1].field
    assert fields is not None
    height, width = (each.size + 3 * each.stride for each in fields)
    return height, width + 5


@pytest.mark.parametrize("name", WITH_MAPS)
def test_the_field_is_where_the_gradient_arrives_in_the_networks_own_image(name: str) -> None:
    made = thin_plan(name)
    place = centre_of(made)
    clipped = [
        (max(first, 0), min(last, side - 1))
        for (first, last), side in zip(planned(made, place), made.image, strict=False)
    ]
    assert looked_at(made, *place) == clipped


@pytest.mark.parametrize("name", WITH_MAPS)
def test_a_field_inside_the_image_is_where_the_gradient_arrives(name: str) -> None:
    made = thin_plan(name, room_for(thin_plan(name)))
    place = centre_of(made)
    (top, bottom), (left, right) = whole = planned(made, place)
    assert min(top, left) >= 0
    assert bottom < made.image[0]
    assert right < made.image[1]
    assert looked_at(made, *place) == whole


def test_thinning_leaves_the_fields_as_they_are() -> None:
    for name in WITH_MAPS:
        entry = zoo.entry(name)
        full = plan(name, entry.image, entry.classes).require()
        fields = [row.field for row in full.rows]
        assert [row.field for row in thin_plan(name).rows] == fields, name
