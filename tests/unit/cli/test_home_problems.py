"""Without a tracker the home need not be usable."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.cli.conftest import Ran


@pytest.mark.row("F4")
def test_a_home_that_is_a_file_does_not_stop_download_and_show(
    wabucket: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a").write_text("a")
    (tmp_path / "bucket").mkdir()
    options = ("-p", "p", "--bucket", f"file://{tmp_path}/bucket", "--tracker", "disabled")
    assert wabucket(*options, "upload", "src", "-n", "net", "-t", "model", "-a", "one").code == 0
    (tmp_path / "file").touch()
    monkeypatch.setenv("WABUCKET_HOME", str(tmp_path / "file"))
    for command in (("download", "model/net:one"), ("show", "model/net:one")):
        ran = wabucket(*options, *command)
        assert (ran.code, ran.err) == (0, ""), command
    ran = wabucket("-p", "p", "ls")
    assert (ran.code, "is not a directory" in ran.err) == (2, True)
