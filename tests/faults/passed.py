"""Which failpoints the tests of a run pass, in their own processes and in those that they start.

Every process notes a point once, as an empty file in one directory that all share. When the whole suite has run, the
process that began it compares with the catalogue: a point that no test passes tests nothing, and fails the run.
"""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.points import POINTS, Marks
from wabucketref import failpoints

_VARIABLE = "TESTS_PASSED_FAILPOINTS"
"""Tells the processes of pytest-xdist the directory."""


def directory() -> Path | None:
    """Where points are noted; None outside of a test run."""
    found = os.environ.get(_VARIABLE)
    return Path(found) if found else None


def begin() -> None:
    """Note what this process passes from now on, whatever hook a test installs or removes."""
    os.environ.setdefault(_VARIABLE, tempfile.mkdtemp(prefix="wabucket-passed-"))
    marks, install = Marks(os.environ[_VARIABLE]), failpoints.install

    def install_too(hook: Callable[[str], None] | None) -> None:
        def both(name: str) -> None:
            marks.make(name)
            if hook is not None:
                hook(name)

        install(both)

    failpoints.install = install_too
    install_too(None)


def missing() -> list[str]:
    """The points of the catalogue that nobody passed."""
    found = directory()
    assert found is not None
    return sorted(POINTS - {path.name for path in found.iterdir()})


class Passed:
    """The pytest plugin."""

    def __init__(self, *, strict: bool) -> None:
        """`strict`: tests that were skipped are no excuse."""
        begin()
        self._strict = strict
        self._missing: list[str] = []

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if _ran_whole(session):
            self._missing = missing()
            if self._missing and (self._strict or not _skipped(session)):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._missing:
            terminalreporter.write_line(f"failpoints that no test passes: {', '.join(self._missing)}", red=True)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        if not hasattr(config, "workerinput"):
            shutil.rmtree(os.environ.pop(_VARIABLE), ignore_errors=True)


def _ran_whole(session: pytest.Session) -> bool:
    """Whether every test was to run and none failed or was left out; only in the process that began the run."""
    config = session.config
    if hasattr(config, "workerinput") or session.exitstatus != pytest.ExitCode.OK or config.option.collectonly:
        return False
    return config.args_source != pytest.Config.ArgsSource.ARGS and not (config.option.keyword or config.option.markexpr)


def _skipped(session: pytest.Session) -> bool:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    return reporter is not None and bool(reporter.stats.get("skipped"))
