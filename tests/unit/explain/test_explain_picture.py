from __future__ import annotations

import numpy as np

from convwise.explain.explanation import explain
from convwise.explain.one_picture import explain_picture
from known_answers import with_square

TEXT = (
    "conv 4 3 same relu | maxpool 2 | conv 4 3 same relu | conv 4 7 same | flatten | dense classes"
)


def test_the_drawn_field_is_of_the_last_filters_that_see_less_than_the_picture(made):
    found = explain_picture(made(TEXT), with_square(5, 5)[..., None], name="square")
    assert found.seen is not None
    # conv3 sees more than the twelve pixels of a side; conv2 sees 3 + 2 × 2 + 1 of them.
    assert (found.seen.layer, found.seen.box.height) == ("conv2", 8)


def test_a_chosen_layer_and_place_are_drawn(made):
    model = made(TEXT)
    found = explain_picture(
        model, with_square(5, 5)[..., None], name="square", layer="conv1", place=(2, 3)
    )
    assert found.seen is not None
    assert (found.seen.layer, found.seen.place) == ("conv1", (2, 3))
    assert found.class_map is not None
    assert found.class_map.layer == "conv1"


def test_maps_are_those_that_vary_most(squares):
    found = explain_picture(squares(), with_square(5, 5)[..., None], name="square", label="square")
    (maps,) = found.maps
    assert maps.channels == (0,)
    assert np.unravel_index(maps.maps[0].argmax(), (12, 12)) == (5, 5)
    assert [name for name, _ in found.best] == ["square", "nothing"]


def test_figures_have_names_that_are_no_file_names_of_users(made):
    images = [("../../etc/passwd<b>", with_square(5, 5)[..., None])]
    made_of = explain(made(TEXT), images)
    assert all(
        set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-") for name in made_of.figures
    )
    assert made_of.data is None
    assert made_of._repr_png_() is not None
