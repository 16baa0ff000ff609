"""The whole page: what it says, that it is safe, and that it is written whole."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from convwise.errors import DataError, StorageError
from convwise.report import page_writer, pictures_wanted, write_report
from convwise.training import storage

HOSTILE = ("<script>alert(1)</script>", '"><img src=http://evil.test/x>', "{{ 7*7 }}", "\u202egnp")


class Links(HTMLParser):
    """Collects what a browser could fetch, and the texts of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attributes:
            if name in ("src", "href", "srcset", "action", "data", "poster"):
                self.targets.append(value or "")
            if name.startswith("on") or name == "style":
                self.handlers.append(name)


def page_of(folder: Path, **pictures: np.ndarray) -> str:
    return write_report(folder, pictures or None).read_text(encoding="utf-8")


def links_of(page: str) -> Links:
    links = Links()
    links.feed(page)
    return links


def test_report_lies_in_the_folder_under_its_name(run_maker):
    folder = run_maker()
    assert write_report(folder) == folder / "report.html"
    assert not list(folder.glob(".report*"))


def test_verdict_tells_accuracy_weakness_and_cost(run_maker):
    folder = run_maker()
    metrics = json.loads((folder / "metrics.json").read_text())["test"]
    weakest = min(metrics["per_class"], key=lambda one: one["recall"])
    page = page_of(folder)
    assert (
        f"{metrics['accuracy'] * 100:.1f}\u00a0% of 1,000 test images are named correctly" in page
    )
    assert f"The weakest class is {weakest['class']}" in page
    assert "Training took 44 s for 8 epochs with 2 threads on AMD EPYC 7B13." in page


def test_all_sections_of_a_finished_run_are_there(run_maker):
    page = page_of(run_maker())
    found = re.findall(r'<section id="(\w+)">', page)
    assert found == [
        *("next", "confusion", "classes", "mistakes", "calibration", "shift"),
        *("data", "network", "asked", "learning", "cost", "repeat"),
    ]
    navigation = re.search(r"<nav.*?</nav>", page, re.DOTALL)
    assert navigation is not None
    assert [target[1:] for target in links_of(navigation[0]).targets] == found


def test_hostile_class_names_are_text(run_maker):
    page = page_of(run_maker(classes=HOSTILE, mistakes=0.4))
    links = links_of(page)
    assert links.tags.count("script") == 1
    assert "img" not in links.tags
    assert not links.handlers
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{ 7*7 }}" in page
    assert "\u202e" not in page


@pytest.mark.parametrize(
    "key", ["command", "network", "data", "recipe", "versions", "machine", "start", "asked"]
)
def test_hostile_words_in_run_json_are_text(run_maker, key):
    evil = "<script>alert(2)</script>"
    value = evil if key == "command" else {evil: evil, "name": evil, "text": evil, "cpu": evil}
    assert evil not in page_of(run_maker(**{key: value}))


def test_page_asks_for_nothing_outside_itself(run_maker):
    folder = run_maker()
    pictures = {name: np.zeros((28, 28, 1), np.uint8) for name in pictures_wanted(folder)}
    links = links_of(page_of(folder, **pictures))
    assert all(target.startswith(("#", "data:")) for target in links.targets)
    assert "@import" not in page_of(folder)
    assert "url(" not in page_of(folder)


def test_policy_names_the_hashes_of_the_page_as_it_was_written(run_maker):
    page = page_of(run_maker())
    for tag in ("style", "script"):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        assert inside is not None
        digest = hashlib.sha256(inside[1].encode()).digest()
        assert f"{tag}-src &#39;sha256-{base64.b64encode(digest).decode()}&#39;" in page.replace(
            "&#43;", "+"
        )
    assert "default-src &#39;none&#39;" in page


def test_pictures_of_the_surest_mistakes_are_inside(run_maker):
    folder = run_maker()
    surest = pictures_wanted(folder)[:24]
    page = page_of(folder, **{name: np.full((28, 28, 3), 7, np.uint8) for name in surest})
    gallery = re.search(r'<section id="mistakes">.*?</section>', page, re.DOTALL)
    assert gallery is not None
    assert gallery[0].count("data:image/png;base64,") == 24


def test_a_page_with_large_pictures_of_noise_stays_below_five_megabytes(run_maker):
    folder = run_maker(images_per_class=40, mistakes=0.5)
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (64, 224, 224, 3), np.uint8)
    wanted = pictures_wanted(folder)
    pictures = {name: noise[place % 64] for place, name in enumerate(wanted)}
    assert 100_000 < write_report(folder, pictures).stat().st_size < 5_000_000


def test_page_is_valid_utf8_even_with_broken_file_names(run_maker):
    folder = run_maker()
    audit = {"skipped": [{"path": "caf\udce9.png", "reason": "not an image"}]}
    (folder / "audit.json").write_text(json.dumps(audit))
    assert "caf�.png" in page_of(folder)


@pytest.mark.parametrize(
    "missing", ["history.jsonl", "metrics.json", "predictions.csv", "audit.json"]
)
def test_a_missing_file_leaves_its_part_out(run_maker, missing):
    parts = {
        "history.jsonl": '<section id="learning">',
        "metrics.json": '<section id="confusion">',
        "predictions.csv": '<section id="mistakes">',
        "audit.json": "Images of each class",
    }
    page = page_of(run_maker(without=[missing]))
    assert parts[missing] not in page
    assert '<section id="repeat">' in page


def test_interrupted_run_says_where_it_stopped(run_maker):
    page = page_of(
        run_maker(
            epochs=3,
            status="interrupted",
            result=None,
            recipe={"epochs": 20},
            without=["metrics.json", "predictions.csv"],
        )
    )
    assert "This run was interrupted after epoch 3 of 20." in page
    assert "This run has not been scored." in page


def test_run_json_alone_makes_a_page(tmp_path):
    (tmp_path / "run.json").write_text("{}")
    assert "This run has not been scored." in page_of(tmp_path)


@pytest.mark.parametrize(
    "key",
    ["asked", "recipe", "network", "data", "precision", "machine", "start", "prediction"],
)
def test_an_odd_value_in_run_json_is_passed_over(run_maker, key):
    assert "<section" in page_of(run_maker(**{key: ["not", "an", "object"]}))


@pytest.mark.parametrize("layers", ["x", [1], [{"layer": "Conv2D"}], [{"layer": "Flatten"}]])
def test_a_network_that_cannot_be_planned_again_is_told_as_run_json_lists_it(run_maker, layers):
    rows = [{"name": "conv1", "layer": "Conv2D", "output_shape": [28, 28, 8], "params": 80}]
    page = page_of(run_maker(network={"name": "odd", "layers": layers, "rows": rows}))
    assert "All parameters" in page
    assert "Layer by layer" not in page


def test_images_of_cells_cannot_end_their_element(run_maker):
    folder = run_maker(classes=("</script><b>", "<!--", "c"), mistakes=0.5)
    pictures = {name: np.zeros((8, 8, 1), np.uint8) for name in pictures_wanted(folder)}
    page = page_of(folder, **pictures)
    kept = re.search(r'id="cell-images">(.*?)</script>', page, re.DOTALL)
    assert kept is not None
    assert "<" not in kept[1]
    assert set(json.loads(kept[1])) <= {
        f"{row},{column}" for row in range(3) for column in range(3)
    }


def test_one_epoch_without_mistakes(run_maker):
    page = page_of(run_maker(epochs=1, mistakes=0.0))
    assert "One epoch, after which" in page
    assert "No class has a mistake." in page
    assert "There are none among 1,000 test images." in page
    assert "confuse these two" not in page


@pytest.mark.parametrize("classes", [2, 24, 25, 120, 121])
def test_any_number_of_classes(run_maker, classes):
    names = [f"class {number}" for number in range(classes)]
    page = page_of(run_maker(classes=names, images_per_class=4))
    assert ('role="grid"' in page) == (classes <= 120)


def test_validation_scores_stand_in_and_say_so(run_maker):
    folder = run_maker()
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({"validation": metrics["validation"]}))
    assert "these are of the validation images" in page_of(folder)


def test_torn_last_line_of_history_is_left_out(run_maker):
    folder = run_maker(epochs=2)
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"epoch": 3, "train_lo')
    assert "Epoch 2:" in page_of(folder)


def test_numbers_that_are_none_are_not_drawn(run_maker):
    folder = run_maker(epochs=2)
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"epoch": 3, "train_loss": NaN, "validation_accuracy": null}\n')
    page = page_of(folder)
    assert not re.search(r"\bnan\b|>None<", page)
    assert "Epoch 3: not measured" in page


@pytest.mark.parametrize("name", ["run.json", "metrics.json", "audit.json", "history.jsonl"])
def test_damaged_file_is_named(run_maker, name):
    folder = run_maker()
    (folder / name).write_text("{broken\n{}\n")
    with pytest.raises(DataError, match=re.escape(name)):
        write_report(folder)


def test_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(DataError, match=r"no run\.json there"):
        write_report(tmp_path)


def test_earlier_report_stands_when_writing_fails(run_maker, monkeypatch):
    folder = run_maker()
    (folder / "report.html").write_text("earlier")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(storage.os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        write_report(folder)
    assert (folder / "report.html").read_text() == "earlier"
    assert not list(folder.glob(".report*"))


def test_same_run_gives_the_same_bytes(run_maker):
    folder = run_maker()
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first


def test_colours_of_text_have_enough_contrast():
    style = page_writer.environment().loader.get_source(page_writer.environment(), "style.css")[0]
    for theme in re.findall(r":root \{(.*?)\}", style, re.DOTALL):
        colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6});", theme))
        for ink in ("ink", "soft", "accent", "warn"):
            for ground in ("paper", "raised"):
                assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
        assert contrast(colours["ink"], colours["heat"]) >= 4.5


def contrast(one: str, other: str) -> float:
    """WCAG 2.2's contrast ratio."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
