"""What every output must do, by ``contracts/outputs.py``. Free of pytest."""

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from wabucketref.conformance.plugin import check_plugin
from wabucketref.conformance.results import CheckResult, NotApplicable, must, run_check, same
from wabucketref.contracts.outputs import OutputFacts, Outputs

FACTS: Final = OutputFacts(
    artifact_name="cat-finder",
    artifact_type="model",
    artifact_alias="2024-06-01_a.b",
    version="v3",
    uri="s3://team/model/cat-finder/2024-06-01_a.b",
    digest="blake3:" + "ab" * 32,
)
_HOSTILE: Final = ("\n::set-output name=planted::1", "\nplanted=1\n", "'; planted=1; '", "EOF\nplanted=1", "\0")


@dataclass
class OutputsBench:
    """An output, an environment in which it is read, and how a later step reads it."""

    outputs: Outputs
    environ: Mapping[str, str]
    read: Callable[[Sequence[str]], Mapping[str, str]]
    """Name to value as a later step sees them; given the lines printed so far."""
    by_choice: bool = False
    """It is used only when chosen by name, never detected."""
    lines: list[str] = field(default_factory=list)

    def write(self, facts: OutputFacts, *, may_print: bool = True) -> None:
        """Hand on, seeing to it that nothing is printed behind the caller's back."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            self.outputs.write(facts, self.environ, self.lines.append if may_print else None)
        same(printed.getvalue(), "", "printed on stdout without echo")


def is_a_plugin(bench: OutputsBench) -> None:
    """It has a name and was made for this API."""
    check_plugin(bench.outputs.name, bench.outputs)


def detects(bench: OutputsBench) -> None:
    """It knows where it is read, and nowhere else."""
    same(bench.outputs.detect({}), False, "detect in an empty environment")
    if bench.by_choice:
        raise NotApplicable("it is used when chosen by name")
    same(bench.outputs.detect(bench.environ), True, "detect in its own environment")


def hands_on(bench: OutputsBench) -> None:
    """What is written is what a later step reads."""
    bench.write(FACTS)
    _reads(bench, FACTS)


def suffixes(bench: OutputsBench) -> None:
    """Outputs with a suffix stand beside those without."""
    first, second = replace(FACTS, suffix="data"), replace(FACTS, artifact_name="dogs", suffix=None)
    bench.write(first)
    bench.write(second)
    _reads(bench, first)
    _reads(bench, second)


def last_counts(bench: OutputsBench) -> None:
    """Of two that are handed on under one name, the last counts."""
    bench.write(FACTS)
    later = replace(FACTS, artifact_alias="later")
    bench.write(later)
    _reads(bench, later)


def nothing_planted(bench: OutputsBench) -> None:
    """What stands in a location or digest sets no output of its own."""
    for hostile in _HOSTILE:
        with contextlib.suppress(Exception):  # it may refuse
            bench.write(replace(FACTS, uri=FACTS.uri + hostile, digest=hostile, version=hostile))
        must("planted" not in bench.read(bench.lines), f"{hostile!r} set an output of its own")


def silent_beside_json(bench: OutputsBench) -> None:
    """Without echo nothing is printed: stdout holds one JSON document."""
    bench.write(FACTS, may_print=False)
    same(bench.lines, [], "lines printed")


def _reads(bench: OutputsBench, facts: OutputFacts) -> None:
    found = bench.read(bench.lines)
    for name, value in facts.named().items():
        same(found.get(name), value, f"the output {name}")


Check = Callable[[OutputsBench], None]
CHECKS: Final[Sequence[Check]] = (
    is_a_plugin,
    detects,
    hands_on,
    suffixes,
    last_counts,
    nothing_planted,
    silent_beside_json,
)


def run_outputs_check(bench: OutputsBench, check: Check) -> CheckResult:
    """One check."""
    return run_check(check.__name__, lambda: check(bench))
