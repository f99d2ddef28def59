"""The rows of the reliability matrix (``rows.toml``) and the tests that are marked with them."""

import ast
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parents[1]
CATALOGUE = Path(__file__).with_suffix(".toml")
NOT_YET = "not shown yet"


@dataclass(frozen=True)
class Row:
    """One row."""

    id: str
    case: str
    promise: str
    open: str = ""
    """What no test shows, and why."""

    @property
    def order(self) -> tuple[str, int]:
        return self.id[0], int(self.id[1:])


@dataclass(frozen=True)
class Shown:
    """A test that is marked with a row."""

    row: str
    path: str
    """Below ``tests/``."""
    test: str


def families() -> dict[str, str]:
    """The title of each letter, in the order of the page."""
    return dict(tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))["families"])


def rows() -> dict[str, Row]:
    """All rows by id.

    Raises:
        TypeError: a row has a field that rows do not have, or lacks one.
    """
    tables = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    del tables["families"]
    return {name: Row(name, **table) for name, table in tables.items()}


def shown(root: Path = TESTS) -> list[Shown]:
    """Every mark in the tests, sorted; read from the source, so that nothing is imported.

    A mark counts for the test that it decorates, one on a class or in ``pytestmark`` for all tests of it.
    """
    found: set[Shown] = set()
    for path in sorted(root.rglob("test_*.py")):
        text = path.read_text(encoding="utf-8")
        if ".row(" in text:
            name = path.relative_to(root).as_posix()
            found |= {Shown(row, name, test) for test, row in _marks(ast.parse(text).body, ())}
    return sorted(found, key=lambda one: (one.row[0], int(one.row[1:]), one.path, one.test))


def _marks(body: Sequence[ast.stmt], above: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    own = (*above, *(row for one in body if _is_pytestmark(one) for row in _rows_in(one)))
    for one in body:
        if isinstance(one, ast.ClassDef):
            yield from _marks(one.body, (*own, *(row for mark in one.decorator_list for row in _rows_in(mark))))
        elif isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test"):
            for row in (*own, *(row for mark in one.decorator_list for row in _rows_in(mark))):
                yield one.name, row


def _is_pytestmark(one: ast.stmt) -> bool:
    return isinstance(one, ast.Assign) and any(isinstance(to, ast.Name) and to.id == "pytestmark" for to in one.targets)


def _rows_in(tree: ast.AST) -> Iterator[str]:
    """The arguments of each ``…mark.row(…)`` in it, those of single parameters included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("mark.row"):
            for argument in node.args:
                assert isinstance(argument, ast.Constant), f"a row must be written out: {ast.unparse(node)}"
                assert re.fullmatch(r"[A-Z]\d+", str(argument.value)), f"this is no row: {ast.unparse(node)}"
                yield str(argument.value)
