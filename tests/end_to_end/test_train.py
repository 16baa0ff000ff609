"""``convwise train`` as a user runs it."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from convwise.model.modelfile import load_model

Trained = tuple[Path, subprocess.CompletedProcess[str]]


def fails(result: subprocess.CompletedProcess[str], exit_code: int, *words: str) -> None:
    """Assert one clear message, no traceback, and the exit code."""
    assert result.returncode == exit_code, result.stderr
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def test_train_prints_json_lines_alone_and_the_result_last(trained: Trained) -> None:
    lines = [json.loads(line) for line in trained[1].stdout.splitlines()]
    assert [line["epoch"] for line in lines[:-1]] == list(range(1, 9))
    assert lines[-1].keys() >= {
        *("run", "test_accuracy", "validation_accuracy", "train_seconds"),
        *("images_per_second", "precision"),
    }
    assert Path(lines[-1]["run"]) == trained[0]


def test_train_learns_what_is_easy(trained: Trained) -> None:
    assert json.loads(trained[1].stdout.splitlines()[-1])["test_accuracy"] >= 0.8


def test_a_run_folder_holds_what_the_design_says_and_its_checksums_hold(trained: Trained) -> None:
    names = {path.relative_to(trained[0]).as_posix() for path in trained[0].rglob("*")}
    assert names == {
        *("run.json", "history.jsonl", "checkpoint", "checkpoint/state.safetensors"),
        *("model.safetensors", "metrics.json", "predictions.csv", "audit.json"),
        *("report.html", "SHA256SUMS"),
    }
    check = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=trained[0], capture_output=True
    )
    assert check.returncode == 0, check.stdout


def test_the_recorded_command_repeats_the_run_to_the_same_weights(
    trained: Trained, convwise: Any, tmp_path: Path
) -> None:
    facts = json.loads((trained[0] / "run.json").read_text())
    assert facts["command"].startswith("convwise train ")
    out = tmp_path / "again"
    from shlex import split

    words = split(facts["command"])[1:]
    words[words.index("--out") + 1] = str(out)
    assert convwise(*words).returncode == 0
    # Which precision wins the race may differ from run to run; the weights of equal ones may not.
    again = json.loads((out / "run.json").read_text())
    if again["precision"]["chosen"] == facts["precision"]["chosen"]:
        mine, theirs = load_model(trained[0]).network, load_model(out).network
        for name, weight in mine.state_dict().items():
            assert weight.equal(theirs.state_dict()[name]), name


def test_an_unreadable_image_among_good_ones_is_skipped_and_named(
    convwise: Any, pictures: Path, tmp_path: Path
) -> None:
    import shutil

    folder = shutil.copytree(pictures, tmp_path / "shapes")
    whole = (folder / "bottom" / "001.png").read_bytes()
    (folder / "bottom" / "001.png").write_bytes(whole[: len(whole) // 2])
    (folder / "top" / "notes.txt").write_text("no image")
    result = convwise(
        *("train", folder, "--network", "flatten | dense classes", "--epochs", 1),
        *("--out", tmp_path / "run"),
    )
    assert result.returncode == 0, result.stderr
    assert "skipped" in result.stdout
    audit = json.loads((tmp_path / "run" / "audit.json").read_text())
    assert {each["path"] for each in audit["skipped"]} == {"bottom/001.png", "top/notes.txt"}
    assert all(each["reason"] for each in audit["skipped"])
    assert audit["images"] == 71


def test_a_dry_run_keeps_nothing(convwise: Any, pictures: Path, tmp_path: Path) -> None:
    result = convwise("train", pictures, "--network", "lenet", "--dry-run", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert list(tmp_path.iterdir()) == []


def test_settings_come_from_a_file_and_flags_win(
    convwise: Any, pictures: Path, tmp_path: Path
) -> None:
    config = tmp_path / "recipe.toml"
    config.write_text('network = "flatten | dense classes"\nepochs = 5\nbatch_size = 16\n')
    result = convwise(
        "train", pictures, "--config", config, "--epochs", 1, "--out", tmp_path / "run"
    )
    assert result.returncode == 0, result.stderr
    recipe = json.loads((tmp_path / "run" / "run.json").read_text())["recipe"]
    assert (recipe["epochs"], recipe["batch_size"]) == (1, 16)


def test_an_interrupt_keeps_what_was_learnt_and_exits_130(pictures: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "convwise", "train", str(pictures), "--network", "lenet"),
            *("--epochs", "100000", "--threads", "1", "--out", str(out)),
        ],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 2"):
            process.send_signal(signal.SIGINT)
            break
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 130, stderr
    assert "interrupted" in stdout
    assert json.loads((out / "run.json").read_text())["status"] == "interrupted"
    assert load_model(out).classes == ("bottom", "middle", "top")
    assert (out / "checkpoint" / "state.safetensors").stat().st_size > 0
    assert (out / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("fashion-mnit",), ("fashion-mnit", "did you mean", "fashion-mini")),
        (("DATA", "--network", "lenett"), ("lenett", "did you mean lenet")),
        (("DATA", "--network", "convv 8 3 | flatten | dense classes"), ("line 1", "conv")),
        (("DATA", "--network", "maxpool 99 | flatten | dense classes"), ("pool1",)),
        (("DATA", "--epochs", "0"), ("epochs", "0")),
        (("DATA", "--lr", "nan"), ("learning_rate",)),
        (("DATA", "--time-limit", "soon"), ("soon", "60s")),
        (("DATA", "--epoch", "3"), ("--epoch", "--epochs")),
        (("DATA", "--config", "absent.toml"), ("absent.toml",)),
        (("DATA", "--threads", "0"), ("--threads 0",)),
        (("DATA", "--out", "."), ("exists",)),
    ],
)
def test_a_wrong_request_exits_2_with_one_clear_message(
    convwise: Any, pictures: Path, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str]
) -> None:
    given = [str(pictures) if word == "DATA" else word for word in arguments]
    fails(convwise("train", *given, cwd=tmp_path), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_folders_that_cannot_be_learnt_from_exit_2(convwise: Any, tmp_path: Path) -> None:
    empty, single, texts = tmp_path / "empty", tmp_path / "single", tmp_path / "texts"
    empty.mkdir()
    (single / "only").mkdir(parents=True)
    Image.new("L", (8, 8)).save(single / "only" / "a.png")
    for kind in ("a", "b"):
        (texts / kind).mkdir(parents=True)
        (texts / kind / "readme.md").write_text("no image")
    for folder in (empty, single, texts):
        fails(convwise("train", folder, cwd=tmp_path), 2, str(folder.name))


def test_a_full_disk_is_told_with_the_path_and_exits_1(
    convwise: Any, pictures: Path, tmp_path: Path
) -> None:
    def allow_small_files_only() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    out = tmp_path / "run"
    result = convwise(
        *("train", pictures, "--network", "lenet", "--epochs", 1, "--out", out),
        preexec_fn=allow_small_files_only,
    )
    fails(result, 1, "cannot write", str(out), "bytes")
    assert not [path for path in out.rglob(".*") if path.is_file()]
