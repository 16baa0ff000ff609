from __future__ import annotations

import csv
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from convwise.cli.main import run as command
from convwise.errors import DataError, OptionError
from convwise.report.compare_page import compare_page
from convwise.report.comparison import compare
from convwise.report.settings_that_differ import settings_that_differ


def make(
    folder: Path,
    wrong: Sequence[int] = (),
    *,
    images: int = 400,
    names: str = "test/{:04d}.png",
    epochs: int = 3,
    **facts: Any,
) -> Path:
    """Write a run whose answers to the images at ``wrong`` are wrong."""
    folder.mkdir()
    run = {"recipe": {"epochs": epochs}, "network": {"name": "fast"}, "seed": 0} | facts
    (folder / "run.json").write_text(json.dumps(run))
    with (folder / "predictions.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["id", "label", "predicted", "probability"])
        for number in range(images):
            label = "cat" if number % 2 else "dog"
            answer = label if number not in set(wrong) else "bird"
            table.writerow([names.format(number), label, answer, "0.9"])
    with (folder / "history.jsonl").open("w") as file:
        for epoch in range(1, epochs + 1):
            share = 0.5 + 0.4 * epoch / epochs
            record = {"epoch": epoch, "validation_accuracy": share, "validation_loss": 1 - share}
            file.write(json.dumps(record | {"seconds": 2.0 * epoch}) + "\n")
    return folder


@pytest.fixture
def differing(tmp_path: Path) -> list[Path]:
    return [
        make(tmp_path / "weak", range(60)),
        make(tmp_path / "strong", range(50, 70), epochs=9),
    ]


@pytest.fixture
def alike(tmp_path: Path) -> list[Path]:
    return [
        make(tmp_path / "one", range(30)),
        make(tmp_path / "other", range(16, 48), seed=1),
    ]


def test_a_pair_that_differs_is_told_to_differ(differing: list[Path]) -> None:
    comparison = compare(differing)
    (duel,) = comparison.duels
    assert (duel.counts.both, duel.counts.first, duel.counts.second) == (330, 10, 50)
    assert duel.verdict == "better"
    assert 0 < duel.interval[0] < 0.1 < duel.interval[1]
    said = " ".join(comparison.said()[0])
    assert said.startswith("B is better than A: 95.00 % against 85.00 % of the same 400 test")
    assert "p < 0.0001" in said
    assert "only B is right on 50 images, only A on 10." in said
    assert "told apart" not in said


def test_the_order_of_the_pair_turns_the_verdict(differing: list[Path]) -> None:
    (duel,) = compare(differing[::-1]).duels
    assert duel.verdict == "worse"
    assert duel.interval[1] < 0


def test_a_pair_that_does_not_differ_is_not_told_apart(alike: list[Path]) -> None:
    comparison = compare(alike)
    said = " ".join(comparison.said()[0])
    assert comparison.duels[0].verdict == "undecided"
    assert "cannot be told apart with so many images" in said
    needed = re.search(r"about ([\d,]+) test images would tell", said)
    assert needed is not None
    assert int(needed[1].replace(",", "")) > 400
    assert "better" not in said
    assert re.search(r"400 images show a difference of \d\.\d\d points or more", said)


def test_the_same_answers_are_nothing_to_tell_apart(tmp_path: Path) -> None:
    pair = [make(tmp_path / "a", [1, 2]), make(tmp_path / "b", [1, 2])]
    comparison = compare(pair)
    assert comparison.duels[0].p_value == 1
    assert comparison.said()[0] == (
        "B and A are right on exactly the same 398 images of 400: nothing tells them apart.",
    )


def test_a_difference_among_several_comparisons_must_be_larger(tmp_path: Path) -> None:
    # Alone, 4 against 15 is p = 0.019.
    runs = [make(tmp_path / "first", range(15))]
    runs += [make(tmp_path / f"other{n}", range(20 + n, 24 + n)) for n in range(4)]
    pair, several = compare(runs[:2]), compare(runs)
    assert pair.duels[0].verdict == "better"
    assert [duel.verdict for duel in several.duels] == ["undecided"] * 4
    assert "By itself this would count; the best of 4 comparisons" in " ".join(several.said()[0])


def test_an_interval_that_just_leaves_out_zero_does_not_decide(tmp_path: Path) -> None:
    # The published example where the exact test and the interval disagree.
    runs = [
        make(tmp_path / "a", range(13), images=21),
        make(tmp_path / "b", [*range(12), *range(13, 20)], images=21),
    ]
    comparison = compare(runs)
    assert comparison.duels[0].interval[1] < 0
    assert comparison.duels[0].verdict == "undecided"
    assert "the exact test, which decides, is stricter" in " ".join(comparison.said()[0])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"images": 399}, "399 instead of 400"),
        ({"names": "held/{:04d}.png"}, "held/0000.png stands where test/0000.png"),
        ({"data": {"test_fingerprint": "b" * 64}}, "the same names, but other pixels"),
    ],
)
def test_runs_on_other_test_images_are_refused_by_name(
    tmp_path: Path, options: dict[str, Any], reason: str
) -> None:
    first = make(tmp_path / "first", data={"test_fingerprint": "a" * 64})
    other = make(tmp_path / "other", **options)
    if "data" not in options:
        with pytest.raises(DataError, match=rf"other was scored on other test images .*{reason}"):
            compare([first, other])
        return
    with pytest.raises(DataError, match=reason):
        compare([first, other])


def test_equal_pixels_are_the_same_images_whatever_their_names(tmp_path: Path) -> None:
    data = {"test_fingerprint": "a" * 64}
    first = make(tmp_path / "first", data=data)
    moved = make(tmp_path / "moved", [1], names="elsewhere/{}.png", data=data)
    assert compare([first, moved]).images == 400


def test_the_same_images_at_another_size_may_be_compared(tmp_path: Path) -> None:
    runs = [
        make(
            tmp_path / str(side),
            data={"test_fingerprint": str(side)},
            image_format={"height": side, "width": side, "channels": 3},
        )
        for side in (32, 64)
    ]
    assert [one.name for one in compare(runs).settings if one.group == "image"] == [
        "height",
        "width",
    ]


def test_what_cannot_be_compared_is_told(tmp_path: Path, alike: list[Path]) -> None:
    unscored = make(tmp_path / "unscored")
    (unscored / "predictions.csv").unlink()
    with pytest.raises(DataError, match=r"unscored holds no predictions\.csv"):
        compare([alike[0], unscored])
    with pytest.raises(DataError, match=r"nowhere: no run\.json"):
        compare([alike[0], tmp_path / "nowhere"])
    with pytest.raises(OptionError, match="given twice"):
        compare([alike[0], alike[1], alike[0]])
    with pytest.raises(OptionError, match="1 runs given"):
        compare(alike[:1])


def test_settings_that_differ_are_listed_and_no_others() -> None:
    one = {"recipe": {"epochs": 3, "flip": True}, "network": {"name": "a", "text": "x\ny"}}
    two = {"recipe": {"epochs": 4, "flip": True}, "network": {"name": "a", "text": "x\nz"}}
    found = settings_that_differ([one, two, one])
    assert [(each.title, each.words()) for each in found] == [
        ("Recipe: epochs", ("3", "4", "3")),
        ("Network: text", ("x | y", "x | z", "x | y")),
    ]


def test_the_command_says_it_in_words(
    differing: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["compare", *map(str, differing)]) == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "B is better than A" in out
    assert "Recipe: epochs 3 9" in out
    assert "Another seed gives other weights" in out


def test_the_command_gives_json_and_a_page(
    alike: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert command(["compare", *map(str, alike), "--json", "--html", str(page)]) == 0
    told = json.loads(capsys.readouterr().out)
    (found,) = told["comparisons"]
    assert found["only_this_right"] - found["only_first_right"] == round(400 * found["difference"])
    assert found["verdict"] == "undecided"
    assert [len(run["history"]) for run in told["runs"]] == [3, 3]
    assert "cannot be told apart" in page.read_text()
    assert command(["compare", *map(str, alike), "--html", str(page)]) == 2
    assert "exists; files are never overwritten" in capsys.readouterr().err


def test_the_page_asks_for_nothing_and_escapes_names(tmp_path: Path) -> None:
    first = make(tmp_path / "<b>first", range(9))
    other = make(tmp_path / "other", range(5), network={"name": "<script>alert(1)</script>"})
    page = compare_page(compare([first, other]))
    assert "<b>first" not in page
    assert "<script>alert" not in page
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)
    assert page.count("<svg") == 3
