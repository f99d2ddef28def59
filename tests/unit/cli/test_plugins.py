"""``wabucket plugins`` and ``wabucket doctor``."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.cli import schemas
from tests.unit.cli.conftest import Floors, Ran
from wabucketref.cli.render.plugins import Listed, listed, plugin_lines
from wabucketref.registry import Registry

Run = Callable[..., Ran]


@dataclass(frozen=True)
class Probe:
    """As the operation gives it."""

    name: str
    ok: bool | None
    text: str
    hint: str | None = None


@pytest.fixture
def registries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Registry]:
    """A built-in, a plugin that works, one that breaks and one that takes a built-in's name."""
    info = tmp_path / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    entries = "[wabucketref.storage]\ngood = plug_good:F\nbad = plug_missing:F\nfile = plug_good:F\n"
    (info / "entry_points.txt").write_text(entries)
    (tmp_path / "plug_good.py").write_text("class F:\n    api_version = 1\nprint('noise')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return {"storage": Registry("wabucketref.storage", {"file": "json:loads"}, api_version=1)}


@pytest.mark.row("U4")
def test_U4_broken_plugins_are_listed_beside_the_others(registries: Mapping[str, Registry]) -> None:
    found = {(one.name, one.package): one.problem for one in listed(registries)}
    assert found["file", None] is None
    assert found["good", "plug"] is None
    assert "plug_missing" in (found["bad", "plug"] or "")
    assert "built-in" in (found["file", "plug"] or "")


def test_lines() -> None:
    assert plugin_lines([Listed("storage", "file", None), Listed("storage", "b\x1b", "plug", "no")]) == [
        "KIND     NAME   FROM      PROBLEM",
        "storage  file   built in",
        "storage  b\\x1b  plug      no",
    ]


def test_what_is_built_in(wabucket: Run) -> None:
    pytest.importorskip("wabucketref.store.plane")
    document = json.loads(wabucket("plugins", "--json").out)
    schemas.check("plugins", document)
    found = {(item["kind"], item["name"]) for item in document["items"] if item["package"] is None}
    assert {("storage", "s3"), ("storage", "gs"), ("tracker", "embedded"), ("outputs", "github")} <= found


def test_doctor_is_well(wabucket: Run, floors: Floors) -> None:
    floors.answers["doctor"] = [Probe("home", True, "writable"), Probe("clock", None, "no server to compare with")]
    ran = wabucket("doctor")
    assert (ran.code, ran.out.splitlines()) == (
        0,
        ["ok       home: writable", "skipped  clock: no server to compare with"],
    )
    schemas.check("doctor", json.loads(wabucket("doctor", "--json").out))


def test_doctor_finds_something(wabucket: Run, floors: Floors) -> None:
    floors.answers["doctor"] = [Probe("bucket", False, "no such bucket", "create it"), Probe("home", True, "writable")]
    ran = wabucket("doctor")
    assert ran.code == 2
    assert ran.out.splitlines()[:2] == ["FAILED   bucket: no such bucket", "         hint: create it"]
    assert ran.err.startswith("error: 1 of 2 probes failed\n")
    document = json.loads(wabucket("doctor", "--json").out)
    assert (document["error"]["code"], document["items"][0]["ok"]) == (2, False)
