"""``ExecutorConformance``: the executor checks as pytest tests, for the tests of an executor.

class TestMyExecutor(ExecutorConformance):
    @pytest.fixture
    def open_executor(self):
        return lambda: MyExecutor("my-cluster:1234")
"""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from wabucketref.conformance.executor import CHECKS, run_executor_check
from wabucketref.conformance.plugin import check_plugin
from wabucketref.conformance.results import run_check
from wabucketref.contracts.executor import Executor
from wabucketref.testing.report import report


class ExecutorConformance:
    """Subclass it and give the fixture ``open_executor``, which returns a function that opens the executor anew."""

    plugin: ClassVar[tuple[str, Any] | None] = None
    """The name and the factory that its entry point gives."""

    @pytest.fixture
    def open_executor(self) -> Callable[[], Executor]:
        """A function that opens the executor, with workers that share this machine's file system."""
        raise NotImplementedError("give a fixture open_executor that returns a function which opens the executor")

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
    def test_contract(self, check: Any, open_executor: Callable[[], Executor], tmp_path: Path) -> None:
        """One check of the contract."""
        report(run_executor_check(open_executor, check, tmp_path))

    def test_plugin(self, open_executor: Callable[[], Executor]) -> None:
        """What the entry point gives is a plugin of this API, and declares what its executors can do."""
        plugin = self.plugin
        if plugin is None:
            pytest.skip("no plugin is named")
        with closing(open_executor()) as executor:
            report(run_check("plugin", lambda: check_plugin(*plugin, executor)))
