"""Every worker of a test run draws from the seed that is printed: otherwise nothing could be repeated."""

import pytest


def test_workers_have_the_seed_that_is_printed(seed: int, request: pytest.FixtureRequest) -> None:
    told = getattr(request.config, "workerinput", {"seed": seed})
    assert told["seed"] == seed
