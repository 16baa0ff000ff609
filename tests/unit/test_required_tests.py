from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
SKIPPED_TEST = "import pytest\n\ndef test_a(): pass\n\ndef test_b(): pytest.skip('no browser')\n"
SKIPPED_MODULE = "import pytest\npytest.importorskip('no_such_module')\n"


def run_session(
    folder: Path, content: str, *, require: str, may_skip: str = ""
) -> subprocess.CompletedProcess[str]:
    shutil.copy(CONFTEST, folder / "conftest.py")
    (folder / "test_some.py").write_text(content)
    (folder / "test_other.py").write_text("def test_passes(): pass\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={folder}"],
        cwd=folder,
        env=os.environ | {"CONVWISE_REQUIRE_ALL_TESTS": require, "CONVWISE_MAY_SKIP": may_skip},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("content", [SKIPPED_TEST, SKIPPED_MODULE], ids=["test", "module"])
def test_a_skipped_test_fails_the_session_that_requires_all(tmp_path: Path, content: str) -> None:
    result = run_session(tmp_path, content, require="1")
    assert result.returncode == 1, result.stdout
    assert "skipped: test_some.py" in result.stdout
    assert ("no browser" in result.stdout) or ("no_such_module" in result.stdout)


def test_a_skipped_test_passes_elsewhere(tmp_path: Path) -> None:
    assert run_session(tmp_path, SKIPPED_TEST, require="").returncode == 0


def test_a_session_without_skips_passes_where_all_are_required(tmp_path: Path) -> None:
    assert run_session(tmp_path, "", require="1").returncode == 0


def test_only_the_reason_that_is_allowed_may_be_skipped(tmp_path: Path) -> None:
    assert run_session(tmp_path, SKIPPED_TEST, require="1", may_skip="browser").returncode == 0
    assert run_session(tmp_path, SKIPPED_TEST, require="1", may_skip="network").returncode == 1
