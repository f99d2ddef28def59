"""``wabucket plugins`` and ``wabucket doctor``."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.cli import schemas
from tests.unit.cli.conftest import Floors, Ran
from wabucketref.cli.render.plugins import plugin_lines
from wabucketref.cli.root import root
from wabucketref.registry import Described, configured
from wabucketref.settings import Settings, load_settings
from wabucketref.settings.fields import global_options
from wabucketref.wiring import registries

Run = Callable[..., Ran]


@dataclass(frozen=True)
class Probe:
    """As the operation gives it."""

    name: str
    ok: bool | None
    text: str
    hint: str | None = None


OPTIONS = """
from pydantic import BaseModel, Field, SecretStr
class Options(BaseModel):
    level: int = Field(3, description="How much.")
    token: SecretStr | None = None
    place: str
class Kept:
    api_version = 1
    def __init__(self, options=None):
        self.options = options
    def configured(self, options):
        return type(self)(options)
class Outputs(Kept):
    name = "plug"
    Options = Options
    def detect(self, environ):
        return True
    def write(self, facts, environ, echo):
        print("written")
OUTPUTS = Outputs()
class Sly(Kept):
    name = "dry"
    def detect(self, environ, directory):
        return None
    Options = type("Options", (BaseModel,), {"__annotations__": {"run": bool}, "run": False})
SLY = Sly()
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A plugin that works, one that breaks, one that takes a built-in's name, one with options, two sly ones."""
    info = tmp_path / "plug-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plug\nVersion: 1.0\n")
    entries = "[wabucketref.storage]\ngood = plug_good:F\nbad = plug_missing:F\nfile = plug_good:F\n"
    entries += "unlike = plug_options:SLY\n"
    entries += "[wabucketref.outputs]\nplug = plug_options:OUTPUTS\n"
    entries += "[wabucketref.context]\ndry = plug_options:SLY\n"
    (info / "entry_points.txt").write_text(entries)
    (tmp_path / "plug_good.py").write_text("class F:\n    api_version = 1\n    open = None\nprint('noise')\n")
    (tmp_path / "plug_options.py").write_text(OPTIONS)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("plug_good", "plug_options"):
        sys.modules.pop(name, None)


@pytest.mark.row("U4")
def test_U4_broken_plugins_are_listed_beside_the_others(site: Path, wabucket: Run) -> None:
    document = json.loads(wabucket("plugins", "--json").out)
    schemas.check("plugins", document)
    found = {(one["name"], one["package"]): one for one in document["items"]}
    assert found["file", None]["problem"] is None
    assert found["good", "plug"]["problem"] is None
    assert found["good", "plug"]["version"] == "1.0"
    assert "plug_missing" in found["bad", "plug"]["problem"]
    assert "built-in" in found["file", "plug"]["problem"]
    assert found["unlike", "plug"]["problem"].endswith("cannot be used: it has no open")


def test_options_are_listed(site: Path, wabucket: Run) -> None:
    (plug,) = [one for one in json.loads(wabucket("plugins", "--json").out)["items"] if one["name"] == "plug"]
    level, token, place = plug["options"]
    assert (level["option"], level["variable"], level["type"], level["default"]) == (
        "--plug-level", "WABUCKET_PLUG_LEVEL", "integer", "3"
    )  # fmt: skip
    assert (token["secret"], token["default"], place["required"]) == (True, None, True)
    text = wabucket("plugins").out
    assert "--plug-level  WABUCKET_PLUG_LEVEL  integer, default 3   How much." in text


@pytest.mark.row("X7")
def test_no_option_of_ours_can_be_shadowed(site: Path, wabucket: Run, tmp_path: Path) -> None:
    """The plugin `dry` with an option `run` would be --dry-run: it is named, refused, and harms nothing."""
    (dry,) = [one for one in json.loads(wabucket("plugins", "--json").out)["items"] if one["name"] == "dry"]
    assert dry["problem"].endswith("its option 'run' would take the place of --dry-run")
    ran = wabucket("--dry-run", "1", "ls")
    assert (ran.code, "take the place of --dry-run" in ran.err) == (2, True)
    (tmp_path / "file").write_text("x")
    ran = wabucket(
        "-p", "demo", "--plug-place=here", "upload", str(tmp_path / "file"), "-n", "a", "-t", "b", "--dry-run"
    )
    assert (ran.code, ran.err.count("error")) == (0, 0)


def test_options_reach_the_plugin(site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "wabucket.toml").write_text('[plugins.plug]\nlevel = 5\nplace = "file"\n')
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("WABUCKET_PLUG_PLACE", "env")
    monkeypatch.setenv("WABUCKET_PLUG_TOKEN", "canary-5e")
    settings = load_settings({"plugins": {"plug": {"place": "argument"}}})
    plugin = registries()["outputs"].get("plug")
    options = configured("plug", plugin, settings).options
    assert (options.level, options.place, options.token.get_secret_value()) == (5, "argument", "canary-5e")
    assert "canary-5e" in settings.secrets()
    assert settings.notices == ()
    shown = {origin.name: origin for origin in settings.origins()}
    place = shown["plugins.plug.place"]
    assert (place.source, [one.shown for one in place.overrode]) == ("argument --plug-place", ["env", "file"])
    assert "canary-5e" not in str(shown)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"WABUCKET_PLUG_LEVEL": "much"}, "environment WABUCKET_PLUG_LEVEL: level should be a valid integer"),
        ({"WABUCKET_PLUG_LEVLE": "1"}, "did you mean 'level'?"),
        ({}, "set WABUCKET_PLUG_PLACE, or give --plug-place"),
    ],
)
def test_wrong_options_are_usage_errors(
    site: Path, wabucket: Run, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], says: str
) -> None:
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    ran = wabucket("-p", "demo", "ls")
    assert (ran.code, says in ran.err) == (2, True), ran.err


def test_a_plugins_options_go_before_the_command(site: Path, wabucket: Run) -> None:
    assert wabucket("-p", "demo", "--plug-place", "x", "--plug-level=4", "ls").code == 0
    ran = wabucket("-p", "demo", "--plug-place", "x", "--plug-place", "y", "ls")
    assert (ran.code, "--plug-place is given more than once" in ran.err) == (2, True)
    ran = wabucket("-p", "demo", "--plug-plaice", "x", "ls")
    assert (ran.code, "no such option '--plug-plaice'" in ran.err) == (2, True)


def test_outputs_that_fail_to_look_harm_nothing(site: Path, wabucket: Run, tmp_path: Path) -> None:
    (site / "plug_options.py").write_text(OPTIONS.replace("        return True", "        raise OSError('boom')"))
    (tmp_path / "file").write_text("x")
    file = str(tmp_path / "file")
    ran = wabucket("-p", "demo", "--plug-place=x", "upload", file, "-n", "a", "-t", "b", "-a", "c")
    assert (ran.code, ran.out) == (0, "b/a:c\n"), ran
    assert "outputs 'plug' failed: OSError: boom" in ran.err


@pytest.mark.row("X7")
def test_doctor_leaves_plugins_out(site: Path, wabucket: Run) -> None:
    ran = wabucket("-p", "demo", "doctor", "--no-plugins")
    assert (ran.code, "skipped  plugins: left out, none was loaded" in ran.out) == (0, True), ran
    assert not {"plug_good", "plug_options"} & set(sys.modules)
    ran = wabucket("-p", "demo", "--plug-place=x", "doctor")
    assert (ran.code, "plug_missing" in ran.out) == (2, True), ran


def test_an_option_of_nothing_installed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "wabucket.toml").write_text("[plugins.nobody]\nlevel = 5\n")
    monkeypatch.chdir(tmp_path)
    (notice,) = load_settings().notices
    assert notice == f"{tmp_path}/wabucket.toml:2: there is no plugin 'nobody'; its options have no effect"


def test_every_global_option_is_reserved() -> None:
    spelled = {option for parameter in root.params for option in parameter.opts if option.startswith("--")}
    assert spelled - global_options() == {"--run_name"}  # an old spelling, which no plugin's option can have


def test_options_of_plugins_reach_the_background_service() -> None:
    settings = load_settings({"executor": "dask", "plugins": {"dask": {"workers": "2"}}}, installed=lambda: ["dask"])
    told = Settings.of_shared(settings.shared())
    assert (told.executor, told.plugins) == ("dask", {"dask": {"workers": "2"}})


def test_lines() -> None:
    found = [Described("storage", "file", None, capabilities=("local",)), Described("storage", "b\x1b", "plug", "1.0")]
    assert plugin_lines([*found, Described("tracker", "t", "plug", "1.0", problem="no")]) == [
        "KIND     NAME   FROM      CAPABILITIES  PROBLEM",
        "storage  file   built in  local",
        "storage  b\\x1b  plug 1.0",
        "tracker  t      plug 1.0                no",
    ]


def test_what_is_built_in(wabucket: Run) -> None:
    document = json.loads(wabucket("plugins", "--json").out)
    schemas.check("plugins", document)
    found = {(item["kind"], item["name"]): item for item in document["items"] if item["package"] is None}
    assert {("storage", "s3"), ("storage", "gs"), ("tracker", "embedded"), ("outputs", "github")} <= set(found)
    assert "create_if_absent" in found["storage", "s3"]["capabilities"]
    assert "local" in found["storage", "file"]["capabilities"]
    assert "local" not in found["storage", "gs"]["capabilities"]
    assert "queries" not in found["tracker", "disabled"]["capabilities"]


@pytest.mark.parametrize(("bucket", "package"), [("az://b", "wabucketref-azure"), ("bucket:b", "wabucketref-apolo")])
def test_schemes_of_our_plugins_name_them(wabucket: Run, tmp_path: Path, bucket: str, package: str) -> None:
    (tmp_path / "file").write_text("x")
    ran = wabucket("-p", "demo", "--bucket", bucket, "upload", str(tmp_path / "file"), "-n", "a", "-t", "b")
    assert ran.code == 2
    assert f"needs {package}\nhint: pip install {package}\n" in ran.err


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
