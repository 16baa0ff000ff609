"""The parts of the page, each by itself."""

from __future__ import annotations

import base64
import io
import itertools
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from convwise.errors import DataError
from convwise.report import pictures_wanted
from convwise.report.charts.axes import round_ticks, whole_ticks
from convwise.report.charts.curves import accuracy_curves, loss_curves
from convwise.report.charts.reliability import Bin, reliability_diagram, wilson
from convwise.report.charts.shift import shift_curves
from convwise.report.charts.svg import element, spread
from convwise.report.confusion import matrix, shade
from convwise.report.mistakes import gallery, surest_mistakes
from convwise.report.pictures import LONGEST_SIDE, png_data_uri
from convwise.report.run_folder import Prediction, read_predictions
from convwise.report.scores import read_scores
from convwise.report.shift_section import shift
from convwise.report.verdict import most_mistaken_for
from convwise.report.wording import duration, percent


def pixels_of(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))


@pytest.mark.parametrize("channels", [1, 3])
def test_small_picture_keeps_every_pixel(channels):
    pixels = np.random.default_rng(0).integers(0, 256, (9, 7, channels), np.uint8)
    assert np.array_equal(pixels_of(png_data_uri(pixels)).reshape(pixels.shape), pixels)


def test_large_picture_becomes_smaller_in_proportion():
    assert pixels_of(png_data_uri(np.zeros((900, 1800, 3), np.uint8))).shape == (
        LONGEST_SIDE // 2,
        LONGEST_SIDE,
        3,
    )


def test_picture_that_is_a_strided_view_is_read_rightly():
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)[::-1, ::2]
    assert np.array_equal(pixels_of(png_data_uri(pixels)), pixels)


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 2)), np.zeros((2, 2, 1), np.float32), np.zeros((2, 2, 4), np.uint8)]
)
def test_other_arrays_are_refused(pixels):
    with pytest.raises(DataError, match="give uint8"):
        png_data_uri(pixels)


def test_surest_mistakes_come_first_and_hits_never():
    lines = [
        Prediction("hit", "a", "a", 0.99),
        Prediction("meek", "a", "b", 0.5),
        Prediction("bold", "b", "a", 0.9),
        Prediction("also", "b", "a", 0.9),
    ]
    assert [one.id for one in surest_mistakes(lines)] == ["also", "bold", "meek"]


def test_gallery_without_a_picture_still_has_the_card():
    shown = gallery((Prediction("x", "a", "b", 0.9, 0.05),), {})
    assert shown.cards[0].picture is None
    assert (shown.cards[0].probability, shown.cards[0].label_probability) == (
        "90.0\u00a0%",
        "5.0\u00a0%",
    )


def test_pictures_wanted_are_the_surest_mistakes_and_then_those_behind_the_cells(run_maker):
    folder = run_maker()
    wanted = pictures_wanted(folder)
    predictions = read_predictions(folder / "predictions.csv")
    assert wanted[:24] == [one.id for one in surest_mistakes(predictions)[:24]]
    assert len(wanted) == len(set(wanted)) > 100


def test_predictions_may_hold_commas_quotes_and_line_ends(tmp_path):
    path = tmp_path / "predictions.csv"
    path.write_bytes(b'id,label,predicted,probability\r\n"a,\n""b""",cat,dog,0.75\r\n')
    assert read_predictions(path) == (Prediction('a,\n"b"', "cat", "dog", 0.75),)


@pytest.mark.parametrize("text", ["id,label\n", "", "id,label,predicted,probability\na,b,c,much\n"])
def test_damaged_predictions_are_named(tmp_path, text):
    path = tmp_path / "predictions.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=r"predictions\.csv"):
        read_predictions(path)


def test_confusion_opens_on_the_most_frequent_mistake():
    found = matrix(["a", "b", "c"], [[9, 1, 0], [0, 5, 5], [0, 0, 10]])
    assert found is not None
    assert [(i, j) for i in range(3) for j in range(3) if found.rows[i][j].chosen] == [(1, 2)]
    assert found.opening_words.startswith("5 of 10 images of b (50.0\u00a0%) were taken for c.")
    assert [(pair.label, pair.predicted) for pair in found.pairs] == [("b", "c"), ("a", "b")]


def test_confusion_of_a_class_without_images():
    found = matrix(["a", "b"], [[0, 0], [1, 3]])
    assert found is not None
    assert found.rows[0][1].words == "None of 0 images of a was taken for b."


def test_confusion_that_does_not_fit_its_names_is_left_out():
    assert matrix(["a", "b"], [[1, 2, 3], [1, 2, 3]]) is None


def test_shades_rise_with_the_share():
    shades = [shade(share / 100) for share in range(101)]
    assert shades == sorted(shades)
    assert shades[0] == 0
    assert shades[1] > 0


def test_mistaken_for_ignores_the_hits():
    assert most_mistaken_for(0, [[90, 0], [5, 5]]) is None
    assert most_mistaken_for(1, [[90, 0], [5, 5]]) == (0, 5)


def test_wilson_interval_as_published():
    # Newcombe, "Two-sided confidence intervals for the single proportion" (1998), table I.
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.913, 0.9131), (3, 3), (0, 0), (-2, 1e6)])
def test_ticks_hold_the_values_between_them(low, high):
    ticks = round_ticks(low, high)
    assert ticks[0] <= low
    assert ticks[-1] >= high
    assert 2 <= len(ticks) <= 8


@pytest.mark.parametrize("last", [1, 2, 8, 9, 17, 100, 1234])
def test_epoch_ticks_are_few_and_within(last):
    ticks = whole_ticks(last)
    assert ticks[0] == 1
    assert ticks[-1] <= last
    assert len(ticks) <= 10


def test_names_of_lines_do_not_touch():
    placed = spread([10, 11, 12], gap=16, low=0, high=100)
    assert min(b - a for a, b in itertools.pairwise(placed)) >= 16


def test_svg_text_and_attributes_are_escaped():
    drawn = element("text", "<b>", title='"&')
    assert drawn == '<text title="&#34;&amp;">&lt;b&gt;</text>'


@pytest.mark.parametrize(
    "chart",
    [
        loss_curves([1], [0.5], [0.4]),
        loss_curves([1, 2, 3], [None, 0.5, 0.4], [None, None, None]),
        accuracy_curves([1, 2], [1.0, 1.0], [1.0, 1.0]),
        accuracy_curves([1, 2], [0.0, 0.0], [0.0, 0.0]),
        accuracy_curves(list(range(1, 301)), [0.5] * 300, [0.6] * 300),
        shift_curves([0], [1.0], [1.0]),
        shift_curves([-2, 0, 2], [0.5, 0.6, 0.5], [None, 1.0, None]),
        reliability_diagram([Bin(0.9, 1.0, 1, 0.95, 1.0)]),
    ],
)
def test_charts_are_xml_with_title_and_description(chart):
    root = ElementTree.fromstring(chart)
    ids = {child.get("id"): child.text for child in root if child.tag in ("title", "desc")}
    assert ids[root.get("aria-labelledby")]
    assert ids[root.get("aria-describedby")]
    assert "nan" not in str(chart)


def test_every_epoch_can_be_read_by_hovering():
    root = ElementTree.fromstring(loss_curves([1, 2], [0.5, 0.4], [0.6, None]))
    titles = [title.text for title in root.iterfind("./g[@class='reading']/title")]
    assert titles == [
        "Epoch 1: validation loss 0.6, training loss 0.5",
        "Epoch 2: training loss 0.4",
    ]


def test_shift_sentence_tells_the_cost_of_the_farthest():
    scores = read_scores(
        {
            "test": {
                "images": 10,
                "accuracy": 0.9,
                "shift": [
                    {"offset": 2, "accuracy": 0.8, "consistency": 0.85},
                    {"offset": 0, "accuracy": 0.9, "consistency": 1.0},
                ],
            }
        }
    )
    assert scores is not None
    measured = shift(scores, {}, None)
    assert measured is not None
    assert measured.summary == (
        "A shift of 2 pixels costs 10.0 points: accuracy falls from 90.0\u00a0% to 80.0\u00a0%, "
        "and 85.0\u00a0% of the images keep their answer."
    )


def test_rounding_never_claims_all_or_nothing():
    assert percent(0.99999) != "100.0\u00a0%"
    assert percent(0.00001) != "0.0\u00a0%"


@pytest.mark.parametrize(("seconds", "text"), [(59.7, "1 min 0 s"), (3599.6, "1 h 0 min")])
def test_durations_carry_over(seconds, text):
    assert duration(seconds) == text


def test_report_needs_no_torch():
    code = "import sys, convwise.report; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
