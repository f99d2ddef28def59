import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wabucketref.errors import SettingsError, UsageError
from wabucketref.installed import may_register
from wabucketref.registry import PluginProblem, Registry, configured, option_infos
from wabucketref.settings import load_settings

GROUP = "wabucketref.testkind"
BUILTINS = {"first": "json:dumps", "second": "wabucketref_no_such_module:X"}


class Installed:
    """Writes distributions as pip would leave them."""

    def __init__(self, site: Path) -> None:
        self.site = site

    def add(self, package: str, entries: dict[str, str], **modules: str) -> None:
        info = self.site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {target}\n" for name, target in entries.items())
        (info / "entry_points.txt").write_text(f"[{GROUP}]\n{lines}")
        for name, code in modules.items():
            (self.site / f"{name}.py").write_text(code)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Installed]:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)
    yield Installed(site)
    for name in set(sys.modules) - before:
        if name.startswith("wbplug_"):
            del sys.modules[name]


def registry(builtins: dict[str, str] | None = None) -> Registry:
    return Registry(GROUP, BUILTINS if builtins is None else builtins, api_version=1)


GOOD = "class Thing:\n    api_version = 1\nTHING = Thing()\n"


def test_builtins_are_imported_on_first_use_only() -> None:
    found = registry()
    assert found.names() == ["first", "second"]
    assert found.get("first")({}) == "{}"
    with pytest.raises(ModuleNotFoundError):
        found.get("second")


def test_a_plugin_is_found_listed_and_loaded_once(site: Installed) -> None:
    site.add("good", {"extra": "wbplug_good:THING"}, wbplug_good=GOOD)
    found = registry()
    assert found.names() == ["first", "second", "extra"]
    assert "wbplug_good" not in sys.modules
    assert found.get("extra") is found.get("extra")
    assert found.problems() == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        ({"x-1.dist-info/entry_points.txt": "[console_scripts]\nx = wabucketref.__main__:main\n"}, False),
        ({"x-1.dist-info/METADATA": "Name: x\n", "y.pth": "", "z.py": "[wabucketref.storage]"}, False),
        ({"x-1.dist-info/entry_points.txt": "[wabucketref.storage]\n"}, True),
        ({"x.egg-info/entry_points.txt": "[a]\nb = c:d\n[wabucketref.executor]\n"}, True),
        ({"x-1.py3.11.egg-info": "Metadata-Version: 1.0\n"}, True),
        ({"x-1.egg/EGG-INFO/entry_points.txt": ""}, True),
    ],
)
def test_the_interpreter_is_asked_only_where_something_may_be_registered(
    tmp_path: Path, made: dict[str, str], expected: bool
) -> None:
    for name, text in made.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    assert may_register(str(tmp_path)) is expected
    assert not may_register(str(tmp_path / "missing"))
    (tmp_path / "all.zip").write_bytes(b"")
    assert may_register(str(tmp_path / "all.zip"))


def test_unknown_name_has_the_nearest_as_hint(site: Installed) -> None:
    site.add("good", {"extra": "wbplug_good:THING"}, wbplug_good=GOOD)
    with pytest.raises(UsageError, match="no testkind 'extar'") as caught:
        registry().get("extar")
    assert caught.value.hint == "did you mean 'extra'?"
    with pytest.raises(UsageError) as caught:
        registry().get("zzz")
    assert caught.value.hint == "known are first, second, extra"


@pytest.mark.row("U4")
@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise RuntimeError('boom')", "cannot be loaded: RuntimeError: boom"),
        ("import wabucketref_missing_thing", "cannot be loaded: ModuleNotFoundError"),
        ("this is no python", "cannot be loaded: SyntaxError"),
        ("import sys; sys.exit(3)", "cannot be loaded: SystemExit: 3"),
        ("x = 1", "cannot be loaded: AttributeError"),
        ("class THING: api_version = 2", "made for plugin API 2, this release has 1"),
        ("class THING: pass", "made for plugin API None"),
    ],
)
def test_a_broken_plugin_harms_nothing_else(site: Installed, code: str, says: str) -> None:
    site.add("bad", {"bad": "wbplug_bad:THING"}, wbplug_bad=code)
    site.add("good", {"extra": "wbplug_good:THING"}, wbplug_good=GOOD)
    found = registry()
    with pytest.raises(UsageError, match="of the package bad") as caught:
        found.get("bad")
    assert says in caught.value.message
    assert found.get("extra").api_version == 1
    (problem,) = found.problems()
    assert (problem.name, problem.package) == ("bad", "bad")
    assert says in str(problem)


@pytest.mark.row("U4")
def test_clashing_names(site: Installed) -> None:
    site.add("one", {"same": "wbplug_one:THING", "first": "wbplug_one:THING"}, wbplug_one=GOOD)
    site.add("two", {"same": "wbplug_two:THING", "extra": "wbplug_two:THING"}, wbplug_two=GOOD)
    found = registry()
    assert found.get("first")({}) == "{}"
    assert found.get("extra").api_version == 1
    with pytest.raises(UsageError, match="registered by one, two"):
        found.get("same")
    assert found.problems() == [
        PluginProblem(GROUP, "first", "one", "the name belongs to a built-in"),
        *(PluginProblem(GROUP, "same", name, "the name is taken by several: one, two") for name in ("one", "two")),
    ]


@pytest.mark.row("U4")
def test_a_plugin_that_prints_does_not_reach_stdout(site: Installed, capsys: pytest.CaptureFixture[str]) -> None:
    site.add("loud", {"loud": "wbplug_loud:THING"}, wbplug_loud="print('hello')\n" + GOOD)
    registry().get("loud")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "hello\n"


@pytest.mark.row("X7")
def test_what_lies_in_the_working_directory_is_no_plugin(site: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    site.add("planted", {"planted": "wbplug_planted:THING"}, wbplug_planted=GOOD)
    assert "planted" in registry().names()
    monkeypatch.chdir(site.site)
    assert "planted" not in registry().names()
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    assert "planted" not in registry().names()


def test_the_same_distribution_twice_on_the_path_is_no_clash(
    site: Installed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("good", {"extra": "wbplug_good:THING"}, wbplug_good=GOOD)
    other = Installed(tmp_path / "other")
    other.site.mkdir()
    other.add("good", {"extra": "wbplug_good:THING"})
    monkeypatch.syspath_prepend(str(other.site))
    loaded: Any = registry().get("extra")
    assert loaded.api_version == 1


LAZY = """
class Lazy:
    api_version = 1
    given = None
    def __init__(self, options):
        self.Options = options
    def configured(self, options):
        made = Lazy(self.Options)
        made.given = options
        return made
GOOD = Lazy("wbplug_model:Options")
SLY = Lazy("wbplug_model:Sly")
LOST = Lazy("wbplug_model:Nothing")
"""
MODEL = """
from pydantic import BaseModel
class Options(BaseModel):
    level: int = 3
class Sly(BaseModel):
    name: str = "x"
"""


def test_options_that_are_elsewhere_are_loaded_when_one_is_given_or_all_are_listed(site: Installed) -> None:
    site.add("lazy", {"lazy": "wbplug_lazy:GOOD"}, wbplug_lazy=LAZY, wbplug_model=MODEL)
    plugin = registry().get("lazy")
    assert configured("lazy", plugin, load_settings(environ={})) is plugin
    assert "wbplug_model" not in sys.modules
    given = load_settings({"plugins": {"lazy": {"level": "5"}}}, environ={})
    assert configured("lazy", plugin, given).given.level == 5
    with pytest.raises(SettingsError, match="has no option 'levle'"):
        configured("lazy", plugin, load_settings({"plugins": {"lazy": {"levle": "5"}}}, environ={}))
    assert [one.name for one in option_infos("lazy", plugin)] == ["level"]


def test_what_is_wrong_with_them_is_listed(site: Installed) -> None:
    entries = {"lazy": "wbplug_lazy:GOOD", "job": "wbplug_lazy:LOST", "run": "wbplug_lazy:SLY"}
    site.add("lazy", entries, wbplug_lazy=LAZY, wbplug_model=MODEL)
    found = registry()
    problems = {one.name: one.problem for one in found.problems()}
    assert set(problems) == {"job", "run"}
    assert "its Options cannot be loaded: AttributeError" in problems["job"]
    assert "would take the place of --run-name" in problems["run"]
    with pytest.raises(UsageError, match="cannot be loaded"):
        option_infos("job", found.get("job"))
