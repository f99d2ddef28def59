"""What we logged during a test."""

import pytest


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Our own words only: a library may complain, in whatever test garbage is collected, about what an earlier one
    left."""
    return [record.getMessage() for record in caplog.records if record.name.startswith("wabucketref")]
