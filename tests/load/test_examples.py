"""The flows in ``examples/`` are read by Apolo-Flow itself, which takes long to install."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
READ = """
import sys
from pathlib import Path
from apolo_flow.parser import parse_batch, parse_live

here = Path(sys.argv[1])
assert [task.id.pattern for task in parse_batch(here, here / "apolo-flow.yml").tasks] == ["dataset", "train"]
assert list(parse_live(here, here / "apolo-live.yml").jobs) == ["train"]
"""


@pytest.mark.timeout(900)
def test_apolo_flow_reads_its_flows(tmp_path: Path) -> None:
    place = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    subprocess.run([place / "bin" / "pip", "install", "--quiet", "apolo-flow>=26"], check=True)
    ran = subprocess.run([place / "bin" / "python", "-c", READ, EXAMPLES], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
