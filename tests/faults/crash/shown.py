"""Figures of tests, shown once all have run: they travel with the reports of the tests, also from other processes."""

from collections.abc import Callable

import pytest

_PROPERTY = "figures"


class Figures:
    """The pytest plugin."""

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        reports = [one for found in terminalreporter.stats.values() for one in found]
        ends = [one for one in reports if getattr(one, "when", "") == "teardown"]
        lines = [str(value) for report in ends for name, value in report.user_properties if name == _PROPERTY]
        if lines:
            terminalreporter.section("figures")
            for line in sorted(lines):
                terminalreporter.write_line(line)


@pytest.fixture
def tally_of(request: pytest.FixtureRequest) -> Callable[[object], None]:
    """Shows what ``str`` makes of an object when the test has ended."""

    def show(figures: object) -> None:
        request.addfinalizer(lambda: request.node.user_properties.append((_PROPERTY, str(figures))))

    return show
