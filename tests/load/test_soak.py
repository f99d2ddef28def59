"""Ten minutes of random operations of eight processes, faults and kills; then bucket, catalog and journal agree."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.procs import Zygote
from tests.load.soak.soak import Soak
from tests.servers import Server


@pytest.mark.slow
@pytest.mark.needs("rclone")
@pytest.mark.row("L12")
@pytest.mark.timeout(3600)
def test_soak(
    zygote: Zygote, rclone_s3: Server, seed: int, soak_seconds: float, tally_of: Callable[[object], None]
) -> None:
    with tempfile.TemporaryDirectory(prefix="wabucket-soak-") as directory:
        soak = Soak.begin(seed, soak_seconds, zygote, rclone_s3, Path(directory))
        figures = json.dumps({"seed": seed, "seconds": soak_seconds, **soak.run(soak_seconds)}, indent=1)
    print(figures)
    tally_of(figures)
    assert not soak.told.wrong, "\n\n".join(soak.told.wrong)
