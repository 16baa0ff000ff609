from __future__ import annotations

import importlib.util
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from convwise import kernels

if not kernels.available():
    pytest.skip("kernels need Numba and torch's OpenMP threads", allow_module_level=True)

import numba
from numba import types

from convwise.kernels import parallel
from convwise.kernels.parallel import Kernel, array, share, whole_number

TYPES = [torch.float32, torch.float64]
CHILD = """
import numpy, torch
from convwise.kernels.dropout import dropout
print(dropout(torch.arange(4.0).view(1, 4), numpy.zeros(1, numpy.uint64), 0.0).tolist())
"""
CHILDS_ANSWER = "[[0.0, 1.0, 2.0, 3.0]]\n"
# What a system says that has no writable folder at all.
NOTHING_CAN_BE_WRITTEN = """
import errno, os, tempfile
def refuse(*_, **__):
    raise OSError(errno.EROFS, "Read-only file system")
os.mkdir = os.makedirs = tempfile.TemporaryFile = refuse
"""


@Kernel
def _shares(number: Any) -> Any:
    def run(task: Any) -> None:
        count, bounds = whole_number(task, 0), array(task, 1, number)
        # A thread's own row, so that no thread overwrites what another says.
        thread, _ = share(bounds.shape[2])
        first, last = share(count)
        bounds[0, 0, thread, 0], bounds[0, 0, thread, 1] = first, last

    return run


@Kernel
def _shapes(number: Any) -> Any:
    def run(task: Any) -> None:
        x, out = array(task, 0, number), array(task, 1, number)
        for axis in range(4):
            out[0, 0, 0, axis] = x.shape[axis]

    return run


@Kernel
def _number(number: Any) -> Any:
    def run(task: Any) -> None:
        array(task, 0, types.float64)[0, 0, 0, 0] = whole_number(task, 1)

    return run


@pytest.fixture
def set_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fresh_answer() -> Iterator[None]:
    """``available`` remembers its first answer."""
    kernels.available.cache_clear()
    yield
    kernels.available.cache_clear()


def assert_covers(parts: list[tuple[int, int]], count: int) -> None:
    pieces = [piece for first, last in parts for piece in range(first, last)]
    assert pieces == list(range(count))
    sizes = [last - first for first, last in parts]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("threads", [1, 2, 3, 5, 8, 64], ids=str)
def test_each_piece_is_in_one_threads_share(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # The formula as Python, since threads that truly run cannot be had in any number.
    monkeypatch.setattr(parallel, "_number_of_threads", lambda: threads)
    for count in [*range(2 * threads + 3), 1000, 10**12 + 1]:
        parts = []
        for thread in range(threads):
            monkeypatch.setattr(parallel, "_thread_number", lambda thread=thread: thread)
            parts.append(share.py_func(count))
        if count <= 1000:
            assert_covers(parts, count)
        assert parts[0][0] == 0
        assert parts[-1][1] == count
        assert all(one[1] == two[0] for one, two in itertools.pairwise(parts))


@pytest.mark.usefixtures("set_threads")
@pytest.mark.parametrize("threads", [1, 2, 5], ids=str)
@pytest.mark.parametrize("count", [0, 1, 2, 4, 5, 6, 1001], ids=str)
def test_a_kernel_runs_on_as_many_threads_as_torch_has(count: int, threads: int) -> None:
    torch.set_num_threads(threads)
    bounds = torch.full((threads, 2), -1.0, dtype=torch.float64)
    _shares(count, bounds)
    assert_covers([(int(first), int(last)) for first, last in bounds.tolist()], count)


@pytest.mark.parametrize("dtype", TYPES, ids=str)
@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((7,), [1, 1, 1, 7]),
        ((5, 7), [1, 1, 5, 7]),
        ((3, 5, 7), [1, 3, 5, 7]),
        ((2, 3, 5, 7), [2, 3, 5, 7]),
        ((0, 3, 5, 7), [0, 3, 5, 7]),
    ],
    ids=["one", "two", "three", "four", "empty"],
)
def test_dimensions_that_lack_come_first(
    shape: tuple[int, ...], seen: list[int], dtype: torch.dtype
) -> None:
    out = torch.empty(4, dtype=dtype)
    _shapes(torch.empty(shape, dtype=dtype), out)
    assert out.tolist() == seen


@pytest.mark.parametrize("value", [0, 1, -1, 2**32 - 1, 2**52, -(2**52)], ids=str)
def test_whole_numbers_reach_the_kernel(value: int) -> None:
    out = torch.zeros(1, dtype=torch.float64)
    _number(out, value)
    assert out.item() == value


def test_a_kernel_is_compiled_once_for_a_type_and_its_flags() -> None:
    calls = []

    @Kernel
    def nothing(number: Any, flag: int) -> Any:
        calls.append((number, flag))

        def run(task: Any) -> None:
            share(flag)

        return run

    for dtype in (torch.float32, torch.float32, torch.float64):
        nothing(torch.zeros(1, dtype=dtype), flag=1)
    nothing(torch.zeros(1), flag=2)
    assert calls == [(types.float32, 1), (types.float64, 1), (types.float32, 2)]


def test_other_numba_functions_keep_their_cache() -> None:
    before = numba.config.CACHE_DIR

    @Kernel
    def nothing(number: Any) -> Any:
        def run(task: Any) -> None:
            share(1)

        return run

    nothing(torch.zeros(1))
    assert before == numba.config.CACHE_DIR


@pytest.mark.usefixtures("fresh_answer")
@pytest.mark.parametrize("word", ["off", "OFF", "0", "no", "false"])
def test_kernels_can_be_switched_off(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVWISE_KERNELS", word)
    assert not kernels.available()


@pytest.mark.usefixtures("fresh_answer")
@pytest.mark.parametrize("word", ["", "on", "1"])
def test_other_words_leave_them_on(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONVWISE_KERNELS", word)
    assert kernels.available()


@pytest.mark.usefixtures("fresh_answer")
def test_there_are_none_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "numba" else find(name)
    )
    assert not kernels.available()


@pytest.mark.usefixtures("fresh_answer")
def test_there_are_none_where_torchs_threads_are_of_another_make(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parallel, "_OPENMP", ("GOMP_parallel", "omp_that_is_not_there"))
    monkeypatch.setattr(parallel, "openmp", parallel.openmp.__wrapped__)
    assert not kernels.available()


def child(
    cache: Path, code: str = CHILD, package: Path | None = None
) -> subprocess.CompletedProcess[str]:
    places = {"XDG_CACHE_HOME": str(cache), "HOME": str(cache)}
    if package is not None:
        places["PYTHONPATH"] = str(package)
    return subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | places,
        capture_output=True,
        text=True,
        check=False,
    )


def test_compiled_kernels_are_kept_in_the_users_cache_and_found_again(tmp_path: Path) -> None:
    first = child(tmp_path)
    assert first.stdout == CHILDS_ANSWER, first.stderr
    folder = tmp_path / "convwise" / "kernels"
    kept = {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb*")}
    # An index and the code.
    assert len(kept) == 2
    second = child(tmp_path)
    assert second.stdout == CHILDS_ANSWER, second.stderr
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.nb*")} == kept


def test_a_change_in_what_kernels_share_compiles_them_again(tmp_path: Path) -> None:
    package = tmp_path / "package"
    shutil.copytree(Path(kernels.__file__).parents[1], package / "convwise")
    first = child(tmp_path, package=package)
    assert first.stdout == CHILDS_ANSWER, first.stderr
    shared = package / "convwise" / "kernels" / "number.py"
    before = "return arguments[0]"
    assert shared.read_text().count(before) == 1
    # As if another version said that a number is its own negative.
    shared.write_text(shared.read_text().replace(before, "return builder.fneg(arguments[0])"))
    second = child(tmp_path, package=package)
    assert second.stdout == "[[-0.0, -1.0, -2.0, -3.0]]\n", second.stderr


def test_kernels_work_where_the_cache_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "convwise" / "kernels").mkdir(parents=True)
    for folder in (tmp_path / "convwise" / "kernels", tmp_path / "convwise", tmp_path):
        folder.chmod(0o555)
    result = child(tmp_path)
    for folder in (tmp_path, tmp_path / "convwise"):
        folder.chmod(0o755)
    assert result.stdout == CHILDS_ANSWER, result.stderr


def test_kernels_work_where_the_cache_cannot_be_made(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    result = child(file)
    assert result.stdout == CHILDS_ANSWER, result.stderr


def test_kernels_work_where_nothing_can_be_written(tmp_path: Path) -> None:
    result = child(tmp_path, NOTHING_CAN_BE_WRITTEN + CHILD)
    assert result.stdout == CHILDS_ANSWER, result.stderr


def test_compiling_is_counted_and_what_is_compiled_already_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @Kernel
    def nothing(number: Any) -> Any:
        def run(task: Any) -> None:
            share(3)

        return run

    monkeypatch.setattr(parallel, "cache_folder", lambda: tmp_path)
    before = parallel.seconds_of_compiling()
    nothing(torch.zeros(1))
    after = parallel.seconds_of_compiling()
    nothing(torch.zeros(1))
    assert before < after == parallel.seconds_of_compiling()


@pytest.mark.usefixtures("fresh_answer")
def test_there_are_none_where_numba_fails_to_import(monkeypatch: pytest.MonkeyPatch) -> None:
    # As with a Numba that does not know this NumPy: found, and of no use.
    monkeypatch.delitem(sys.modules, "convwise.kernels.parallel")
    monkeypatch.delattr(kernels, "parallel")
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert not kernels.available()
