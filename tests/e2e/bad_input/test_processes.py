"""The same as processes, through the command line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.bad_input.bench import Bench, upload


@pytest.mark.parametrize(
    ("code", "argv"),
    [(2, upload(name="a/b")), (3, upload("nothing")), (3, ["download", "dataset/cats:one"]), (2, ["uplaod"])],
    ids=["N1", "S1", "N6", "U1"],
)
def test_as_a_process(bench: Bench, code: int, argv: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "wabucketref", *argv],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    assert (ended.returncode, ended.stdout) == (code, "")
    assert "error: " in ended.stderr
    assert "hint: " in ended.stderr
    assert "Traceback" not in ended.stderr
