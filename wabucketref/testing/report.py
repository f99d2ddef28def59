"""A check's result as pytest's."""

from collections.abc import Mapping

import pytest

from wabucketref.conformance.results import CheckResult


def report(result: CheckResult) -> None:
    """Pass, skip or fail as `result` says."""
    if result.state == "skipped":
        pytest.skip(result.text)
    if result.state == "broken":
        pytest.fail(str(result), pytrace=False)


def skip_known(name: str, deviations: Mapping[str, str]) -> None:
    """Skip the check `name` if it is among the known `deviations`."""
    if name in deviations:
        pytest.skip(f"known of this one: {deviations[name]}")
