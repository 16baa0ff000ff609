"""A design's page: what it says and draws, that it is safe, and that it is one file."""

from __future__ import annotations

import base64
import hashlib
import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from convwise.design import zoo
from convwise.design.border import border_coverage_map
from convwise.design.plan import Plan, plan
from convwise.errors import OptionError
from convwise.report.design_border import border
from convwise.report.design_field import field_of, last_map
from convwise.report.design_maps import maps_drawing, maps_scale, stops
from convwise.report.design_page import design_page
from convwise.report.design_picture import example_picture
from convwise.report.design_table import parts
from convwise.report.design_words import amount, sentences, title_of

BROKEN = "conv 8 3 | maxpool 2 | maxpool 2 | conv 8 9 | flatten | dense classes"
BRANCHES = "concat (branch (conv 8 1) | branch) | residual (conv 11 3 same) | flatten | dense 4"
SVG = "{http://www.w3.org/2000/svg}"


class Page(HTMLParser):
    """Collects what a browser could fetch, the table's rows, and what has no words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.handlers: list[str] = []
        self.rows: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.wordless: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                self.targets.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)
            if name == "id":
                self.ids.append(value or "")
        if tag == "tr" and "data-place" in found:
            self.rows.append(found)
        if tag == "img" and not found.get("alt"):
            self.wordless.append(tag)


def planned(name: str) -> Plan:
    entry = zoo.entry(name)
    return plan(name, entry.image, entry.classes)


def words_of(page: str) -> str:
    text = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


@pytest.mark.parametrize("name", zoo.names())
def test_page_has_every_layer_of_the_zoo_once(name: str) -> None:
    made = planned(name)
    page = Page(design_page(made))
    told = [str(row["data-words"]).split(":")[0] for row in page.rows]
    assert sorted(told) == sorted(row.name for row in made.rows)


@pytest.mark.parametrize("name", ["lenet", "resnet20", "mobilenetv2"])
def test_page_says_the_totals(name: str) -> None:
    made = planned(name)
    words = words_of(design_page(made))
    assert f"In all {made.total_params:,} {made.total_flops:,}" in words


@pytest.mark.parametrize("network", ["lenet", BROKEN, BRANCHES, "dense"])
def test_page_asks_for_nothing(network: str) -> None:
    text = design_page(plan(network, "28x28x3", 4))
    page = Page(text)
    assert all(target.startswith(("data:", "#")) for target in page.targets)
    assert page.handlers == []
    assert page.wordless == []
    assert len(page.ids) == len(set(page.ids))
    assert re.findall(r"https?://", text) == []


def test_policy_names_the_hashes_of_style_and_script() -> None:
    page = design_page(planned("lenet"))
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]+)"', page)
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.S)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src &#39;sha256-{digest}&#39;" in policy
    assert policy.startswith("default-src &#39;none&#39;")


def test_text_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    hostile = '<script>alert(1)</script>"><img src=http://evil.test/x>{{ 7*7 }}'
    monkeypatch.setattr("convwise.report.design_page.title_of", lambda made: hostile)
    monkeypatch.setattr("convwise.report.design_table.describe", lambda layer: hostile)
    text = design_page(planned("lenet"))
    assert "<script>alert" not in text
    assert "<img" not in text
    assert "{{ 7*7 }}" in text


def test_a_broken_design_shows_its_rows_problem_and_fixes() -> None:
    broken = plan(BROKEN, "28x28x1", 10)
    assert broken.problem is not None
    text = design_page(broken)
    words = words_of(text)
    assert [row["data-words"].split(":")[0] for row in Page(text).rows] == [
        *("conv1", "pool1", "pool2")
    ]
    assert broken.problem.layer in words
    for fix in broken.problem.fixes:
        assert fix in words.replace("&#34;", '"')
    assert "cannot be built" in words
    assert 'id="border"' not in text


def test_a_design_that_breaks_at_once_has_a_page() -> None:
    broken = plan("conv 8 99 | flatten | dense classes", "28x28x1", 10)
    words = words_of(design_page(broken))
    assert "its first layer, conv1, cannot be" in words
    assert "Layer by layer" not in words


def test_warnings_stand_on_the_page() -> None:
    words = words_of(design_page(plan("conv 8 3 | flatten | dense classes", "28x28x1", 10)))
    assert "dense1 holds" in words


def test_memory_follows_the_batch() -> None:
    one, many = (design_page(planned("lenet"), batch) for batch in (1, 64))
    assert "Activations to train on 1 image<" in one
    assert "Activations to train on 64 images<" in many
    with pytest.raises(OptionError, match="batch is 0"):
        design_page(planned("lenet"), 0)


def test_boxes_are_to_scale() -> None:
    made = planned("keras-convnet")
    root = ElementTree.fromstring(
        str(maps_drawing(made, "data:,")).replace("<svg", f"<svg xmlns='{SVG[1:-1]}'", 1)
    )
    faces = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") == "face"]
    shapes = [stop.shape for stop in stops(made) if len(stop.shape) == 3]
    scales = {
        round(float(face.get("height", 0)) / shape[0], 1)
        for face, shape in zip(faces, shapes, strict=True)
    }
    assert len(scales) == 1
    bars = [
        float(rect.get("height", 0))
        for rect in root.iter(f"{SVG}rect")
        if rect.get("class") == "vector"
    ]
    assert len(bars) == 2
    assert bars[0] > 10 * bars[1]


def test_a_stop_joins_the_layers_that_keep_its_shape() -> None:
    names = [stop.names for stop in stops(planned("vgg16"))]
    assert names[:4] == ["image", "conv1–2", "pool1", "conv3–4"]
    assert "add12–47" in [stop.names for stop in stops(planned("resnet152"))]


def test_too_many_shapes_are_cut_and_it_is_said() -> None:
    text = " | ".join(f"conv {8 + number} 1" for number in range(60))
    made = plan(f"{text} | flatten | dense classes", "4x4x1", 2)
    assert "The first 48 of 63 shapes are drawn." in maps_scale(made)
    assert str(maps_drawing(made, "data:,")).count('class="axis"') == 48


@pytest.mark.parametrize(
    ("network", "row", "box"),
    [
        ("conv 8 3 | flatten | dense classes", 0, (4, 4, 3, 3)),
        ("conv 8 3 same | flatten | dense classes", 0, (4, 4, 3, 3)),
        ("maxpool 2 | conv 8 3 same | flatten | dense classes", 1, (2, 2, 6, 6)),
        ("maxpool 2 | conv 8 3 same | flatten | dense classes", 2, (0, 0, 10, 10)),
    ],
)
def test_the_field_is_that_of_the_place_in_the_middle(network: str, row: int, box: tuple) -> None:
    made = plan(network, "10x10x1", 2)
    assert field_of(made.rows[row], made.image).box == box


def test_the_field_drawn_first_is_that_of_the_last_map() -> None:
    made = planned("keras-convnet")
    row = last_map(made)
    assert row is not None
    assert row.name == "pool2"
    chosen = [line for part in parts(made, row) for line in part.lines if line.chosen]
    assert [line.name for line in chosen] == ["pool2"]
    assert chosen[0].field.words in design_page(made).split('id="field-words"')[1]


@pytest.mark.parametrize("name", ["resnet152", "resnet56"])
def test_layers_that_repeat_are_folded_and_add_up(name: str) -> None:
    made = planned(name)
    found = parts(made, None)
    folded = [part for part in found if part.fold]
    shown = [line for part in found if not part.fold for line in part.lines]
    assert folded
    assert len(shown) < len(made.rows) / 2

    def total(values: list[str]) -> int:
        return sum(int(value.replace(",", "")) for value in values if value != "–")

    params = [line.params for line in shown] + [part.params for part in folded]
    flops = [line.flops for line in shown] + [part.flops for part in folded]
    assert total(params) == made.total_params
    assert total(flops) == made.total_flops


def test_a_short_table_folds_nothing() -> None:
    made = plan("repeat 9 (conv 8 3 same) | flatten | dense classes", "9x9x1", 2)
    assert [part.fold for part in parts(made, None)] == [None]


def test_heat_map_shows_the_coverage() -> None:
    made = planned("keras-convnet")
    found = border(made)
    assert found is not None
    pictures = re.findall(r'data:image/png;base64,([^"]+)"', str(found.chart))
    heat = np.asarray(Image.open(io.BytesIO(base64.b64decode(pictures[0]))), dtype=int).sum(axis=2)
    coverage = border_coverage_map(made)
    assert heat.shape == coverage.shape
    assert np.array_equal(
        np.unravel_index(heat.argmax(), heat.shape), np.unravel_index(coverage.argmax(), heat.shape)
    )
    assert heat[coverage == 0].max() < heat[coverage > 0].min()
    unseen = int((coverage == 0).sum())
    assert any(fact.value.startswith(f"{unseen:,} of 784 pixels") for fact in found.facts)


@pytest.mark.parametrize("network", ["dense", BROKEN])
def test_where_no_map_is_left_there_is_no_border(network: str) -> None:
    assert border(plan(network, "28x28x1", 10)) is None


@pytest.mark.parametrize("size", [(1, 1), (28, 28), (32, 128), (1000, 10), (4000, 4000)])
def test_the_example_picture_has_the_image_s_proportions(size: tuple[int, int]) -> None:
    picture = example_picture(*size)
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 1
    assert max(picture.shape[:2]) == min(max(size), 320)
    if min(size) > 1:
        assert picture.max() > 100


def test_sentences_name_where_weights_and_work_lie() -> None:
    said = " ".join(sentences(planned("keras-convnet")))
    assert "conv2 holds 53.1\u00a0% of the weights and does 91.4\u00a0% of the work" in said
    assert "10×10 of the 28×28 pixels" in said
    assert "No layer holds more than" in " ".join(sentences(planned("resnet152")))


def test_titles_and_amounts() -> None:
    assert title_of(planned("resnet20")) == "resnet20"
    assert title_of(plan("flatten | dense classes", "8x8x1", 2)) == "A network of 2 layers"
    assert [amount(n) for n in (0, 999_999, 1_000_000, 999_600_000)] == [
        *("0", "999,999", "1 million", "1 billion")
    ]


def test_a_large_network_makes_a_page_of_bounded_size() -> None:
    made = plan("repeat 2000 (conv 4 1 relu | norm) | flatten | dense classes", "4x4x1", 2)
    assert len(design_page(made)) < 5_000_000


def test_the_page_needs_no_torch() -> None:
    program = "import sys, convwise.report.design_page; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
