"""``OutputsConformance``: the outputs checks as pytest tests, for the tests of outputs.

class TestMyOutputs(OutputsConformance):
    @pytest.fixture
    def steps(self, tmp_path):
        file = tmp_path / "outputs"
        return Steps(OUTPUTS, {"MY_OUTPUTS": str(file)}, lambda printed: my_parser(file))
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from wabucketref.conformance.outputs import CHECKS, OutputsBench, run_outputs_check
from wabucketref.contracts.outputs import Outputs
from wabucketref.testing.report import report


@dataclass(frozen=True)
class Steps:
    """Outputs, where they are read, and how a later step reads them."""

    outputs: Outputs
    environ: Mapping[str, str]
    read: Callable[[Sequence[str]], Mapping[str, str]]
    """Name to value as a later step sees them; given the lines that were printed."""
    by_choice: bool = False
    """They are used only when chosen by name, never detected."""


class OutputsConformance:
    """Subclass it and give the fixture ``steps``."""

    @pytest.fixture
    def steps(self) -> Steps:
        """The outputs, an environment in which they are read, and how a later step reads them."""
        raise NotImplementedError("give a fixture steps that returns the outputs and how they are read")

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_contract(self, check: Any, steps: Steps) -> None:
        """One check of the contract."""
        bench = OutputsBench(steps.outputs, steps.environ, steps.read, steps.by_choice)
        report(run_outputs_check(bench, check))
