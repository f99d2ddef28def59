"""What must never be in the code is refused by the linter, with the settings that ours runs with."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

PLANTED = {
    "S301": "import pickle\n\nx = pickle.loads(b'')\n",
    "S302": "import marshal\n\nx = marshal.loads(b'')\n",
    "S307": "def run(text: str) -> object:\n    return eval(text)\n",
    "S102": "def run(text: str) -> None:\n    exec(text)\n",
    "S506": "import yaml\n\nx = yaml.load('', Loader=yaml.Loader)\n",
    "S602": "import subprocess\n\nsubprocess.run('ls', shell=True)\n",
    "S605": "import os\n\nos.system('ls')\n",
    "S306": "import tempfile\n\nx = tempfile.mktemp()\n",
    "S202": "import tarfile\n\ntarfile.open('x').extractall()\n",
    "TID251": "import torch\n\nx = torch.load('x')\n",
    "S608": "def find(db, name):\n    return db.execute(f\"SELECT * FROM run WHERE name = '{name}'\")\n",
}


def complaints(code: str, path: str) -> set[str]:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    assert ruff, "make lint installs ruff"
    command = [ruff, "check", "--output-format", "json", "--stdin-filename", path, "-"]
    done = subprocess.run(command, input=code, capture_output=True, text=True, cwd=PROJECT)
    return {found["code"] for found in json.loads(done.stdout)}


@pytest.mark.row("X17")
@pytest.mark.parametrize("rule", PLANTED)
@pytest.mark.parametrize("folder", ["wabucketref/service", "wabucketref/server", "wabucketref/cli"])
def test_what_runs_data_is_refused(rule: str, folder: str) -> None:
    assert rule in complaints(PLANTED[rule], f"{folder}/planted.py")


@pytest.mark.row("X16")
@pytest.mark.row("X17")
def test_no_rule_is_switched_off_beside_the_code() -> None:
    """An exception from these rules is written down here, with its reason."""
    known = {
        "wabucketref/trackers/embedded/rows.py:S608": "names of tables and columns, which are checked to"
        " be identifiers; values are bound",
    }
    found = {
        f"{path.relative_to(PROJECT)}:{rule}"
        for path in (PROJECT / "wabucketref").rglob("*.py")
        for line in path.read_text("utf-8").splitlines()
        if "noqa" in line
        for rule in PLANTED
        if rule in line
    }
    assert found == set(known)
