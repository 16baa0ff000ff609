"""What all tests share: few threads, and a session that may be told that skipping is failing."""

from __future__ import annotations

import os

import pytest

# Before torch is imported: tests must not fight each other for cores, nor depend on their number.
os.environ.setdefault("OMP_NUM_THREADS", "1")

REQUIRE_ALL = "CONVWISE_REQUIRE_ALL_TESTS"
# A word: a test may be skipped all the same where the reason has it.
MAY_SKIP = "CONVWISE_MAY_SKIP"


class RequireAllTests:
    """Ends a session in which a test was skipped with exit status 1, and names the test."""

    def __init__(self) -> None:
        self.skipped: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.skipped and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self.skipped:
            terminalreporter.write_line(f"{REQUIRE_ALL} is set, but skipped: {line}", red=True)

    def _note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
            allowed = os.environ.get(MAY_SKIP)
            if allowed and allowed in reason:
                return
            self.skipped.append(f"{report.nodeid} ({reason})")


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get(REQUIRE_ALL):
        config.pluginmanager.register(RequireAllTests())
