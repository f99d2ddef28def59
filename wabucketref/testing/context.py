"""``ContextConformance``: the context checks as pytest tests, for the tests of a context.

class TestMyCI(ContextConformance):
    @pytest.fixture
    def surroundings(self):
        return Surroundings(CONTEXT, {"MY_CI": "true", "MY_CI_RUN": "17"})
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from wabucketref.conformance.context import CHECKS, ContextBench, run_context_check
from wabucketref.contracts.context import Context
from wabucketref.testing.report import report


@dataclass(frozen=True)
class Surroundings:
    """A context and where it detects."""

    context: Context
    environ: Mapping[str, str] = field(default_factory=dict)
    directory: Path | None = None
    """Where it detects, if it looks at directories; default: an empty one."""
    everywhere: bool = False
    """It detects in every environment."""


class ContextConformance:
    """Subclass it and give the fixture ``surroundings``."""

    @pytest.fixture
    def surroundings(self) -> Surroundings:
        """The context, and an environment in which it detects."""
        raise NotImplementedError("give a fixture surroundings that returns the context and where it detects")

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(self, check: Any, surroundings: Surroundings, tmp_path: Path) -> None:
        """One check of the contract."""
        empty = tmp_path / "empty"
        empty.mkdir()
        directory = surroundings.directory or empty
        bench = ContextBench(
            surroundings.context, surroundings.environ, directory, empty, everywhere=surroundings.everywhere
        )
        report(run_context_check(bench, check))
