"""The kits find what is broken: each check fails on an implementation that breaks just its promise."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wabucketref.conformance import context, outputs
from wabucketref.conformance.context import ContextBench, run_context_check
from wabucketref.conformance.outputs import OutputsBench, run_outputs_check
from wabucketref.conformance.plugin import check_plugin
from wabucketref.conformance.results import Broken
from wabucketref.conformance.tracker import CHECKS, TrackerChecks
from wabucketref.contracts.context import Facts
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.contracts.storage import Capabilities
from wabucketref.contracts.tracker import TrackerCapabilities
from wabucketref.store.drivers.memory import FACTORY
from wabucketref.trackers.disabled import DisabledTracker


class Sound:
    name = "sound"
    api_version = 1

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        return Facts(self.name, {"cicd.run": environ["RUN"]}, ("run:1",)) if environ.get("RUN") else None


class Old(Sound):
    api_version = 0


class Chatty(Sound):
    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        return Facts(self.name, {"cicd.run": "x"}, ("t" * 65,))


class Greedy(Sound):
    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        return Facts(self.name, {f"env.{k}": v for k, v in environ.items()}) if environ.get("RUN") else None


class Brittle(Sound):
    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        return Facts(self.name, {"cicd.run": str(int(environ["RUN"]))}) if "RUN" in environ else None


@pytest.mark.parametrize(
    ("broken", "failing"),
    [
        (Sound, set()),
        (Old, {"is_a_plugin"}),
        (Chatty, {"finds_facts", "quiet_elsewhere"}),
        (Greedy, {"keeps_secrets"}),
        (Brittle, {"survives_anything"}),
    ],
)
def test_contexts(broken: Callable[[], Any], failing: set[str], tmp_path: Path) -> None:
    bench = ContextBench(broken(), {"RUN": "1"}, tmp_path, tmp_path)
    results = [run_context_check(bench, check) for check in context.CHECKS]
    assert {result.name for result in results if result.state == "broken"} == failing


class Lines:
    """Prints ``NAME=VALUE``."""

    name = "lines"
    api_version = 1

    def detect(self, environ: Mapping[str, str]) -> bool:
        return "LINES" in environ

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        if echo is not None:
            for name, value in facts.named().items():
                echo(f"{name}={value}")


class Printing(Lines):
    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        print("done")


class Injectable(Lines):
    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        super().write(facts, environ, echo)
        if echo is not None:
            echo(f"uri={facts.uri}")


class Eager(Lines):
    def detect(self, environ: Mapping[str, str]) -> bool:
        return True


class NoSuffix(Lines):
    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        super().write(OutputFacts(facts.artifact_name, facts.artifact_type, facts.artifact_alias), environ, echo)


@pytest.mark.parametrize(
    ("broken", "failing"),
    [
        (Lines, set()),
        (Printing, {"hands_on", "suffixes", "last_counts", "nothing_planted", "silent_beside_json"}),
        (Injectable, {"nothing_planted"}),
        (Eager, {"detects"}),
        (NoSuffix, {"suffixes"}),
    ],
)
def test_outputs(broken: Callable[[], Any], failing: set[str]) -> None:
    def read(printed: Any) -> dict[str, str]:
        return dict(line.split("=", 1) for line in "\n".join(printed).split("\n") if "=" in line)

    results = [run_outputs_check(OutputsBench(broken(), {"LINES": "1"}, read), check) for check in outputs.CHECKS]
    found = {result.name for result in results if result.state == "broken"}
    assert found - {"nothing_planted"} == failing - {"nothing_planted"}
    assert ("nothing_planted" in found) == ("nothing_planted" in failing) or broken is Printing


def test_a_tracker_that_declares_what_it_cannot_do() -> None:
    class Boasting(DisabledTracker):
        capabilities = TrackerCapabilities()

    suite = TrackerChecks(Boasting)
    assert {suite.run(check).state for check in CHECKS[:3]} == {"broken"}

    class Strict(DisabledTracker):
        capabilities = TrackerCapabilities(queries=False, records=False, refuses_version_aliases=True)

    results = {result.name: result for result in map(TrackerChecks(Strict).run, CHECKS)}
    assert results["version_aliases"].state == "broken"
    assert results["refuses_questions"].state == "ok"
    assert results["runs_merge"].state == "skipped"


def test_a_plugin_declares_what_it_opens() -> None:
    class Modest:
        api_version = 1
        capabilities = Capabilities()

    opened = FACTORY.open("memory://kits", {})
    check_plugin("memory", FACTORY, opened)
    with pytest.raises(Broken, match="capabilities of what it opens"):
        check_plugin("memory", Modest(), opened)
    with pytest.raises(Broken, match="lower case"):
        check_plugin("Memory", FACTORY, opened)
