"""Everything that goes wrong with image files: told by path and reason, and nothing is changed."""

from __future__ import annotations

import ctypes
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from faulty_folder import CUTS, FaultyFolder, tree_state

if TYPE_CHECKING:
    from .conftest import CommandLine


class Audited(NamedTuple):
    """A folder of faults and what the audit said of it."""

    folder: FaultyFolder
    before: dict[str, tuple[object, ...]]
    found: dict[str, Any]
    err: str


def without_override() -> None:
    """Make the superuser obey file modes, as others do; in the new process only."""
    drop_from_bounding_set = 24
    for capability in (1, 2):
        ctypes.CDLL(None).prctl(drop_from_bounding_set, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory, convwise: CommandLine) -> Audited:
    folder = FaultyFolder(tmp_path_factory.mktemp("faults") / "photos")
    before = tree_state(folder.root)
    answer = convwise("audit", folder.root, "--json", preexec_fn=without_override)
    assert answer.code == 0, answer.err
    return Audited(folder, before, json.loads(answer.out), answer.err)


def test_there_are_at_least_sixty_different_faults(audited: Audited) -> None:
    faults = audited.folder.faults
    cuts = [path for path in faults.skipped if "cut-" in path]
    oddities = set().union(*faults.oddities.values())
    assert len(faults.skipped) - len(cuts) + len(oddities) >= 60
    assert sum(path.startswith("ant/cut-") for path in cuts) == CUTS


def test_every_fault_is_listed_by_its_reason_and_nothing_else_is(audited: Audited) -> None:
    skipped = {each["path"]: each["reason"] for each in audited.found["skipped"]}
    expected = audited.folder.faults.skipped
    assert skipped.keys() == expected.keys()
    wrong = {
        path: reason for path, reason in skipped.items() if not reason.startswith(expected[path])
    }
    assert not wrong


def test_what_is_odd_but_sound_is_read_and_told(audited: Audited) -> None:
    faults = audited.folder.faults
    assert audited.found["images"] == len(faults.sound)
    for name, paths in faults.oddities.items():
        assert set(audited.found["oddities"][name]) == paths, name


def test_a_class_without_pictures_is_told(audited: Audited) -> None:
    assert any("only-a-readme" in warning for warning in audited.found["warnings"])


def test_no_reason_has_a_traceback_or_a_module_in_it(audited: Audited) -> None:
    reasons = {each["reason"] for each in audited.found["skipped"]}
    assert not [reason for reason in reasons if re.search(r"PIL|Error\b|<|0x|\n", reason)]
    assert "Warning" not in audited.err


def test_training_names_the_class_that_has_no_picture(
    audited: Audited, convwise: CommandLine, tmp_path: Path
) -> None:
    answer = convwise(
        "train", audited.folder.root, "--out", tmp_path / "run", preexec_fn=without_override
    )
    assert answer.code == 2
    assert "'only-a-readme' has no readable picture" in answer.err
    assert not (tmp_path / "run").exists()


def test_nothing_in_the_folder_has_changed(audited: Audited) -> None:
    assert tree_state(audited.folder.root) == audited.before
