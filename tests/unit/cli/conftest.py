"""A command line over fake floors: what the commands ask of them, and what they make of the answers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from wabucketref.cli.main import main

FLOORS = {
    "upload": ("upload",),
    "link": ("link",),
    "adopt": ("adopt", "adopt_all"),
    "download": ("download",),
    "look": ("list_artifacts", "show", "lineage", "list_runs", "get_run"),
    "aliases": ("set_aliases", "remove_alias"),
    "verify": ("verify",),
    "verify_all": ("verify_all",),
    "remove": ("remove",),
    "gc": ("gc",),
    "rebuild": ("rebuild",),
    "relocate": ("relocate",),
    "sync": ("sync",),
    "status": ("status",),
    "doctor": ("doctor",),
}


@dataclass
class Floors:
    """The floors below: a script of answers by function name, and the calls that came."""

    answers: dict[str, Any] = field(default_factory=dict)
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = field(default_factory=list)
    settings: SimpleNamespace = field(
        default_factory=lambda: SimpleNamespace(notices=(), log="warning", secrets=lambda: ("canary-7f",), origins=list)
    )
    arguments: dict[str, Any] = field(default_factory=dict)
    opened: dict[str, Any] = field(default_factory=dict)
    closed: int = 0

    def function(self, name: str) -> Callable[..., Any]:
        """A fake that records its call and gives the scripted answer; exceptions are raised, callables called."""

        def fake(*arguments: Any, **options: Any) -> Any:
            self.calls.append((name, arguments[1:], options))
            answer = self.answers[name]
            if isinstance(answer, BaseException):
                raise answer
            return answer(self) if callable(answer) else answer

        return fake

    def load_settings(self, arguments: dict[str, Any]) -> SimpleNamespace:
        self.arguments = {name: value for name, value in arguments.items() if value is not None}
        return self.settings

    @contextmanager
    def open_workspace(self, settings: Any, **options: Any) -> Iterator[SimpleNamespace]:
        assert settings is self.settings
        self.opened = options
        try:
            yield SimpleNamespace(settings=settings)
        finally:
            self.closed += 1


@dataclass(frozen=True)
class Ran:
    """What one command line did."""

    code: int
    out: str
    err: str


@pytest.fixture
def floors(monkeypatch: pytest.MonkeyPatch) -> Floors:
    made = Floors()
    for name, functions in FLOORS.items():
        module = ModuleType(f"wabucketref.operations.{name}")
        for function in functions:
            setattr(module, function, made.function(function))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    wiring = ModuleType("wabucketref.wiring")
    wiring.open_workspace = made.open_workspace  # type: ignore[attr-defined]
    wiring.registries = lambda **options: {}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wabucketref.wiring", wiring)
    monkeypatch.setattr("wabucketref.settings.load_settings", made.load_settings, raising=False)
    return made


@pytest.fixture
def wabucket(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Run the command line in this process."""

    def run(*arguments: str) -> Ran:
        code = main(arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run
