"""``make demo``: the story of the README on this machine, whatever its environment."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.tools.markdown import ROOT, shims

FOREIGN = {
    "WANDB_API_KEY": "0" * 40,
    "WANDB_BASE_URL": "http://127.0.0.1:9",
    "WANDB_MODE": "offline",
    "WABUCKET_TRACKER": "wandb",
    "WABUCKET_BUCKET": "s3://somewhere-else",
    "WABUCKET_HOME": "/nonexistent",
}


@pytest.mark.slow
@pytest.mark.parametrize("environ", [{}, FOREIGN], ids=["bare", "with-credentials"])
def test_demo(environ: dict[str, str], tmp_path: Path) -> None:
    path = f"{shims(tmp_path)}:{os.environ['PATH']}"
    result = subprocess.run(
        ["sh", ROOT / "examples" / "demo.sh"],
        cwd=tmp_path,
        env={**os.environ, **environ, "PATH": path, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "no difference" in result.stdout
    assert "from dataset/cats:2024-06-01" in result.stdout
    assert re.search(
        r"^demo/dataset/cats/2024-06-01/photos/summer/Katze auf Dach – 1.jpg$", result.stdout, re.MULTILINE
    )
    assert "every byte read" in result.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["bin"], "the demo leaves something behind"


def test_the_makefile_runs_the_demo_and_has_every_promised_target() -> None:
    text = (ROOT / "Makefile").read_text()
    assert re.search(r"^demo:.*\n\t.*sh examples/demo\.sh$", text, re.MULTILINE)
    targets = set(re.findall(r"^([a-z-]+):", text, re.MULTILINE))
    assert targets >= {"demo", "test", "lint", "proto", "bench", "soak", "docs", "clean"}
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  make ([a-z-]+)", shown, re.MULTILINE)) == targets


@pytest.mark.parametrize(
    ("script", "word"),
    [
        ("exit 1", "too old"),
        ('case "$*" in *ensurepip*|*pip*) exit 1;; esac; exit 0', "apt install python3-venv"),
    ],
)
def test_a_missing_prerequisite_is_named(script: str, word: str, tmp_path: Path) -> None:
    python = tmp_path / "python3"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    result = subprocess.run(
        ["sh", ROOT / ".ci" / "venv", python, tmp_path / "venv"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert word in result.stderr


def test_no_python_at_all_is_named(tmp_path: Path) -> None:
    result = subprocess.run(
        ["sh", ROOT / ".ci" / "venv", tmp_path / "none", tmp_path / "venv"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "install Python 3.11" in result.stderr
