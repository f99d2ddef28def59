"""Settings and the home, through the command line."""

import pytest

from tests.e2e.bad_input.bench import Bench

SETTINGS_FILES: dict[str, tuple[bytes, str]] = {
    "syntax": (b"bucket = \n", "wabucket.toml"),
    "unknown key": (b'bukcet = "x"\n', "bucket"),
    "wrong type": (b"concurrency = [1]\n", "concurrency"),
    "not utf-8": (b'bucket = "\xff"\n', "wabucket.toml"),
}


@pytest.mark.row("F1")
@pytest.mark.parametrize("kind", SETTINGS_FILES)
def test_F1_settings_files(bench: Bench, kind: str) -> None:
    content, says = SETTINGS_FILES[kind]
    (bench.here / "wabucket.toml").write_bytes(content)
    bench.refused(2, "ls", says=says)


@pytest.mark.row("F1")
def test_F1_a_directory(bench: Bench) -> None:
    (bench.here / "wabucket.toml").mkdir()
    bench.refused(2, "ls", says="wabucket.toml")


@pytest.mark.row("F2")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("WANDB_MODE", "foo"),
        ("WABUCKET_CONCURRENCY", "x"),
        ("WABUCKET_CONCURRENCY", "-1"),
        ("WABUCKET_DEADLINE", "1e999"),
    ],
)
def test_F2_environment(bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    bench.refused(2, "ls", says=name)


@pytest.mark.row("F4")
def test_F4_a_home_that_is_a_file(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    (bench.here / "file").touch()
    monkeypatch.setenv("WABUCKET_HOME", str(bench.here / "file"))
    code, out, err = bench.run("ls")
    assert code in (2, 4)
    assert out == ""
    assert "error: " in err
    assert "hint: " in err
