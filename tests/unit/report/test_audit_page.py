"""An audit's page: what it says and shows, that it is safe, bounded, and one file."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from convwise.data.audit.findings import Audit, Duplicate, Located, NearDuplicate, Oddity
from convwise.data.dataset import SPLITS, Dataset, Decoded, Skipped
from convwise.data.store import PixelStore
from convwise.image import ImageFormat
from convwise.report.audit_files import by_reason
from convwise.report.audit_page import audit_page
from convwise.report.audit_thumbs import LONGEST_SIDE, MOST_PICTURES, Thumbnails
from convwise.report.audit_words import attention, headline, steps

HOSTILE = '<script>alert(1)</script>"><img src=http://evil.test/x>\n{{ 7*7 }}\u202e'
EMPTY_SECTIONS = (
    "Every picture file could be read to its end.",
    "No picture stands in two splits.",
    "No picture has two labels.",
    "No picture stands in its split twice under one label.",
    "They were not searched.",
    "No picture is out of the ordinary.",
    "There are none.",
    "No picture was moved to another split.",
)


def data(side: int = 8, classes: int = 2, each: int = 3, channels: int = 1) -> Decoded:
    """Return noise: ``each`` pictures per class and split, named like ``train/c0/1``."""
    random = np.random.default_rng(0)
    names = tuple(f"c{label}" for label in range(classes))
    stores = {}
    for split in SPLITS:
        labels = np.repeat(np.arange(classes), each)
        pixels = random.integers(0, 256, (len(labels), side, side, channels), np.uint8)
        ids = tuple(f"{split}/{name}/{number}" for name in names for number in range(each))
        stores[split] = PixelStore(pixels, labels, ids)
    samples = stores["train"]
    places = {split: np.arange(classes * each) for split in SPLITS}
    form = ImageFormat(side, side, channels)
    return Decoded(Dataset("noise", "noise", names, form, samples, places), stores)


def counted(decoded: Decoded) -> dict[str, dict[str, int]]:
    names = decoded.dataset.classes
    return {
        split: {name: int((store.labels == place).sum()) for place, name in enumerate(names)}
        for split, store in decoded.stores.items()
    }


def clean(decoded: Decoded) -> Audit:
    return Audit("noise", decoded.dataset.format.shape, counted(decoded))


def at(split: str, label: str, number: int = 0) -> Located:
    return Located(f"{split}/{label}/{number}", split, label)


def words_of(page: str) -> str:
    text = re.sub(r"<(style|script)>.*?</\1>|<wbr>", "", page, flags=re.S)
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def section(page: str, name: str) -> str:
    (found,) = re.findall(rf'<section id="{name}">(.*?)</section>', page, re.S)
    return found


def pictures(page: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(one)))) for one in found]


LEAK = Duplicate((at("train", "c0", 1), at("test", "c0", 2)))
CONFLICT = Duplicate((at("train", "c0"), at("train", "c1")))
COPY = Duplicate((at("test", "c1", 0), at("test", "c1", 1)))
CUT = Skipped("train/c0/cut.png", "the file is cut off", damaged=True)


def test_clean_data_are_told_in_one_line_a_section():
    decoded = data()
    page = audit_page(clean(decoded), decoded)
    words = words_of(page)
    assert "18 pictures in 2 classes; nothing needs attention." in words
    assert "Nothing: train on it." in words
    for sentence in EMPTY_SECTIONS:
        assert sentence in words
    assert 'class="sets"' not in page


def test_headline_counts_each_picture_once():
    found = replace(
        clean(data()),
        duplicates=(LEAK, CONFLICT, COPY, Duplicate((at("train", "c0"), at("test", "c1", 2)))),
        skipped=(CUT, Skipped("notes.txt", "not a picture")),
    )
    # Five pictures of leaks and conflicts, and one damaged file; the copy within test is harmless.
    assert attention(found) == 6
    assert headline(found) == "18 pictures in 2 classes; 6 need attention."


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"skipped": (CUT,)}, "unread"),
        ({"duplicates": (LEAK,)}, "leaks"),
        ({"duplicates": (CONFLICT,)}, "conflicts"),
        ({"duplicates": (COPY,)}, "duplicates"),
        ({"near_duplicates": (NearDuplicate(*LEAK.pictures, distance=2.0),)}, "near"),
        ({"warnings": ("c0 is small.",)}, "warnings"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_finding_asks_for_one_step_that_leads_to_its_section(changes, name):
    decoded = data()
    found = replace(clean(decoded), **changes)
    assert [step.section for step in steps(found)] == [name]
    assert f'<a href="#{name}">See them</a>' in section(audit_page(found, decoded), "todo")


def test_a_class_without_training_pictures_comes_first():
    found = replace(clean(data()), counts={"train": {"c0": 3, "c1": 0}}, skipped=(CUT,))
    first = steps(found)[0]
    assert first.section == "counts"
    assert "c1 has none" in first.words


def test_leaks_show_both_pictures_with_label_and_split():
    decoded = data()
    page = audit_page(replace(clean(decoded), duplicates=(LEAK,)), decoded)
    shown = section(page, "leaks")
    first, second = pictures(shown)
    assert np.array_equal(first, decoded.stores["train"].pixels[1, :, :, 0])
    assert np.array_equal(second, decoded.stores["test"].pixels[2, :, :, 0])
    assert re.search(r"c0 train train/c0/1 c0 test test/c0/2", words_of(shown))
    assert "No picture has two labels." in words_of(section(page, "conflicts"))


def test_a_large_set_shows_each_split_before_more_of_one():
    decoded = data()
    copies = (*(at("train", "c0", number) for number in range(3)), at("test", "c0"))
    page = audit_page(replace(clean(decoded), duplicates=(Duplicate(copies),)), decoded)
    words = words_of(section(page, "leaks"))
    assert words.index("test/c0/0") < words.index("train/c0/1")
    assert "and 1 more" in words


def test_near_duplicates_stand_closest_first_and_the_rest_is_counted():
    decoded = data(each=30)
    pairs = tuple(
        NearDuplicate(at("train", "c0", number), at("train", "c1", number), distance=9.0 - number)
        for number in range(4)
    )
    words = words_of(
        section(audit_page(replace(clean(decoded), near_duplicates=pairs), decoded), "near")
    )
    assert re.findall(r"([\d.]+) grey levels apart", words) == ["6.0", "7.0", "8.0", "9.0"]
    many = tuple(replace(pairs[0], distance=float(number)) for number in range(30))
    words = words_of(
        section(audit_page(replace(clean(decoded), near_duplicates=many), decoded), "near")
    )
    assert words.count("apart") == 24
    assert "And 6 more pairs" in words


def test_a_position_tells_pictures_of_one_name_apart():
    decoded = data()
    same = {
        split: PixelStore(store.images, store.labels, ("same",) * len(store))
        for split, store in decoded.stores.items()
    }
    decoded = replace(decoded, stores=same, places={"train": np.array([1, 4, 5, 6, 8, 9])})
    tile = Thumbnails(decoded).tile(Located("same", "train", "c0", position=6))
    (picture,) = pictures(f'src="{tile.picture}"')
    assert np.array_equal(picture, same["train"].pixels[3, :, :, 0])


def test_a_picture_that_is_not_there_is_told_in_words():
    decoded = data()
    lost = Oddity("rotated", "turned upright", (Located("gone.png", "train", "c0"),))
    shown = section(audit_page(replace(clean(decoded), oddities=(lost,)), decoded), "oddities")
    assert pictures(shown) == []
    assert "gone.png" in shown
    assert "Turned upright." in shown


def test_unreadable_files_are_grouped_by_reason_and_bounded():
    empty = [Skipped(f"e{number}", "the file is empty", damaged=True) for number in range(120)]
    found = by_reason([CUT, *empty])
    assert [(one.reason, one.files, len(one.paths), one.more) for one in found.reasons] == [
        ("the file is empty", "120 files", 25, 95),
        ("the file is cut off", "1 file", 1, 0),
    ]
    many = by_reason([Skipped(str(number), f"reason {number}") for number in range(400)])
    assert sum(len(one.paths) for one in many.reasons) + many.more == 400


def test_files_that_are_no_pictures_are_not_called_unreadable():
    decoded = data()
    found = replace(clean(decoded), skipped=(Skipped("notes.txt", "not a picture"),))
    words = words_of(section(audit_page(found, decoded), "unread"))
    assert "Every picture file could be read to its end." in words
    assert "1 file left out for other reasons" in words
    assert "notes.txt" in words


def test_counts_tell_the_imbalance():
    decoded = data()
    found = replace(clean(decoded), counts={"train": {"c0": 1200, "c1": 300}})
    words = words_of(section(audit_page(found, decoded), "counts"))
    assert "300 to 1,200 pictures in train: the largest is 4 times the smallest." in words
    assert "In all 1,500" in words


def test_grid_shows_the_first_eight_of_twenty_classes_at_most():
    decoded = data(classes=22, each=10)
    shown = section(audit_page(clean(decoded), decoded), "grid")
    assert len(pictures(shown)) == 160
    assert "8×8 pixels, grey, padded" in shown
    assert "And 2 more classes." in shown


def test_moved_pictures_and_warnings_are_told():
    decoded = data()
    found = replace(clean(decoded), moved=(at("train", "c0"),), warnings=("c0 is small.",))
    page = audit_page(found, decoded)
    assert "1 picture was moved to train" in section(page, "moved")
    assert "c0 is small." in section(page, "warnings")


def test_names_are_escaped_and_asks_for_nothing():
    decoded = data()
    bad = Located(HOSTILE, "train", HOSTILE)
    found = Audit(
        HOSTILE,
        (8, 8, 1),
        {"train": {HOSTILE: 3}},
        skipped=(Skipped(HOSTILE, HOSTILE, damaged=True),),
        oddities=(Oddity(HOSTILE, HOSTILE, (bad,)),),
        duplicates=(Duplicate((bad, bad)),),
        near_duplicates=(NearDuplicate(bad, bad, 1.0),),
        warnings=(HOSTILE,),
        moved=(bad,),
    )
    page = audit_page(found, decoded)
    assert "<script" not in page
    assert "<img src=http" not in page
    assert "{{ 7*7 }}" in page
    assert "\u202e" not in page
    assert re.findall(r"\sstyle=|\son\w+=", re.sub(r"&[^;]+;", "", page)) == []
    targets = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert targets
    assert all(target.startswith(("data:", "#")) for target in targets)


def test_policy_names_the_hash_of_the_style():
    decoded = data()
    page = audit_page(clean(decoded), decoded)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src &#39;sha256-{digest}&#39;" in page


def test_page_of_a_ruined_data_set_stays_bounded():
    decoded = data(side=200, classes=30, each=10, channels=3)
    sets = tuple(
        Duplicate(tuple(at(split, f"c{label}", number) for split in SPLITS))
        for label in range(30)
        for number in range(10)
    )
    every = tuple(at("train", f"c{label}", 1) for label in range(30))
    found = replace(
        clean(decoded),
        duplicates=sets,
        near_duplicates=tuple(NearDuplicate(one, one, 1.0) for one in every * 100),
        oddities=tuple(Oddity(f"odd{number}", "odd", every) for number in range(40)),
        skipped=tuple(Skipped(f"{number}.png", "cut", damaged=True) for number in range(100_000)),
        warnings=("small.",) * 1000,
        moved=every,
    )
    page = audit_page(found, decoded)
    assert len(pictures(page)) <= MOST_PICTURES
    assert max(max(one.shape[:2]) for one in pictures(page)) == LONGEST_SIDE
    assert len(pictures(section(page, "grid"))) > 0
    assert len(page) < 9_000_000
