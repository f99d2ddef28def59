from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wabucketref.settings import Settings, load_settings

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load settings with an environment that holds nothing but what the test gives."""

    def _load(arguments: dict[str, Any] | None = None, **variables: str) -> Settings:
        work = tmp_path / "work"
        work.mkdir(exist_ok=True)
        environ = {"HOME": str(tmp_path / "user"), "WABUCKET_HOME": str(tmp_path / "home"), "USER": "me"} | variables
        return load_settings(arguments, environ=environ, directory=work)

    return _load
