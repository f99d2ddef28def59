"""What is built holds what it needs and nothing else, and can be installed."""

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.tools.markdown import ROOT

IGNORED = ("build", "dist", "*.egg-info", ".git", ".venv", ".mypy_cache", ".hypothesis", "__pycache__")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheel and source distribution, made from a copy of the tree."""
    work = tmp_path_factory.mktemp("build")
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = listed.stdout.split("\n") if listed.returncode == 0 else [str(p.relative_to(ROOT)) for p in ROOT.rglob("*")]
    for name in names:
        source, target = ROOT / name, work / "source" / name
        if source.is_file() and not any(Path(name).match(pattern) for pattern in IGNORED):
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source.read_bytes())
    (work / "dist").mkdir()
    for hook in ("build_sdist", "build_wheel"):  # as a front end would call them, with the setuptools that is here
        run([sys.executable, "-c", f"from setuptools.build_meta import {hook}; {hook}('../dist')"], work / "source")
    return work / "dist"


def run(command: Sequence[str | Path], directory: Path = ROOT, **environ: str) -> str:
    result = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=110, env={**os.environ, **environ}, check=False
    )
    assert result.returncode == 0, f"{command}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.mark.row("X18")
@pytest.mark.slow
def test_wheel(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    package = {path.relative_to(ROOT).as_posix() for path in (ROOT / "wabucketref").rglob("*") if wanted(path)}
    assert sorted(package - names) == []
    assert {name.split("/")[0] for name in names} == {
        "wabucketref",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }
    for name in (
        "py.typed",
        "service/wabucket.proto",
        "trackers/embedded/migrations/script.py.mako",
        "cli/schema/upload.json",
    ):
        assert f"wabucketref/{name}" in names
    metadata = zipfile.ZipFile(wheel).read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert re.search(r"^License(-Expression)?: Apache-2.0$", metadata, re.MULTILINE)
    assert "Requires-Python: >=3.11" in metadata


def wanted(path: Path) -> bool:
    return path.is_file() and "__pycache__" not in path.parts


@pytest.mark.row("X18")
@pytest.mark.slow
def test_source_distribution(built: Path) -> None:
    (source,) = built.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "Makefile",
        "setup.cfg",
        "docs/index.md",
        "examples/demo.sh",
        "tests/conftest.py",
        ".ci/run",
    ):
        assert name in names
    assert not any("__pycache__" in name or name.endswith(".pyc") for name in names)


@pytest.mark.slow
def test_installed_wheel_works(built: Path, tmp_path: Path) -> None:
    """Without its dependencies installed again: those of this interpreter are lent to it."""
    (wheel,) = built.glob("*.whl")
    venv = tmp_path / "venv"
    run([sys.executable, "-m", "venv", "--without-pip", venv])
    python = venv / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel])
    (place,) = (venv / "lib").glob("python*/site-packages")
    lent = next(path for path in sys.path if path.endswith("site-packages"))
    (place / "lent.pth").write_text(f"{lent}\n")
    home = {"WABUCKET_HOME": str(tmp_path / "home"), "PYTHONPATH": "", "WANDB_PROJECT": "demo"}
    found = run(
        [python, "-P", "-c", "import wabucketref; print(wabucketref.__file__, wabucketref.__version__)"], **home
    )
    assert found.startswith(str(venv))
    assert run([venv / "bin" / "wabucket", "--version"], **home).split()[-1] == found.split()[-1]
    (tmp_path / "file").write_text("x")
    assert (
        run([venv / "bin" / "wabucket", "upload", tmp_path / "file", "-n", "a", "-t", "b", "-a", "c"], **home)
        == "b/a:c\n"
    )


def test_one_version_everywhere() -> None:
    from wabucketref import __version__

    declared = re.search(r"^version = (.+)$", (ROOT / "setup.cfg").read_text(), re.MULTILINE)
    assert declared is not None
    assert declared[1] == __version__


def test_dependencies_are_those_that_are_imported() -> None:
    """Every third-party module that the package imports is declared, and the other way round."""
    text = (ROOT / "setup.cfg").read_text()
    required = re.search(r"^install_requires =\n((?:    .+\n)+)", text, re.MULTILINE)
    assert required is not None
    declared = {re.split(r"[><=!~;\[ ]", line.strip())[0] for line in required[1].splitlines()}
    modules = {"google-crc32c": "google_crc32c", "protobuf": "google"}
    imported = set()
    for path in (ROOT / "wabucketref").rglob("*.py"):
        for match in re.findall(
            r'^\s*(?:from|import) ([\w]+)|import_module\("(\w+)"\)', path.read_text(), re.MULTILINE
        ):
            imported.add(match[0] or match[1])
    foreign = {name for name in imported if name not in sys.stdlib_module_names} - {"wabucketref"}
    covered = {modules.get(name, name) for name in declared}
    # What the drivers share with s3fs and gcsfs, and pydantic's validator, comes with them in the version they need.
    with_them = {"botocore", "aiobotocore", "aiohttp", "certifi", "google", "pydantic_core", "requests", "yarl"}
    only_for_tests = {"_typeshed", "pytest", "tests"}
    for_extras = {"cryptography", "grpc", "graphql", "starlette", "uvicorn", "psycopg"}  # `attest`, `service` …
    only_if_there = {"apolo_sdk"}
    assert sorted(foreign - covered - with_them - only_for_tests - for_extras - only_if_there) == []
    assert sorted(covered - foreign - {"fsspec"}) == []


def test_news_fragments_make_a_changelog() -> None:
    text = run([sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9", "--date", "today"])
    fragments = [path for path in (ROOT / "changelog.d").glob("*.md") if path.name != "README.md"]
    assert "## 9.9.9 (today)" in text
    assert text.count("\n- ") == len(fragments)
