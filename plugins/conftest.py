"""Shared by the tests of all plugins: an isolated environment, and what is installed is what is tested."""

import os
import sys
from pathlib import Path

import pytest

import wabucketref

_FOREIGN = ("WANDB_", "AWS_", "WABUCKET_", "GOOGLE_", "AZURE_", "NEURO_", "APOLO_", "XDG_", "DASK_")


def pytest_configure(config: pytest.Config) -> None:
    installed = Path(wabucketref.__file__)
    assert installed.is_relative_to(sys.prefix), f"{installed} is not the wheel: run the tests by `make plugins`"


@pytest.fixture(autouse=True)
def isolated_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No settings or credentials of the machine reach a test."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("WABUCKET_HOME", str(home / "wabucket"))
