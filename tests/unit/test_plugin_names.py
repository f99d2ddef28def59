"""What plugins are made of: public names that are there, and nothing else."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from wabucketref import plugin

PLUGINS = Path(__file__).parents[2] / "plugins"
PUBLIC = {"wabucketref", "wabucketref.errors", "wabucketref.plugin", "wabucketref.plugin.http"}


@pytest.mark.parametrize("module", ["wabucketref.plugin", "wabucketref.plugin.http"])
def test_every_name_is_there(module: str) -> None:
    loaded = import_module(module)
    assert len(loaded.__all__) == len(set(loaded.__all__))
    for name in loaded.__all__:
        assert getattr(loaded, name) is not None


def test_the_names_and_their_homes_are_the_same() -> None:
    homes = [name for names in plugin._HOMES.values() for name in names]
    assert sorted(homes) == sorted(plugin.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        plugin.nothing  # noqa: B018


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (one.name for one in node.names)


def test_plugins_of_ours_import_public_names_only() -> None:
    files = sorted(PLUGINS.glob("*/src/*/*.py"))
    assert len(files) > 10
    for file in files:
        ours = {name for name in imported(file) if name.partition(".")[0] == "wabucketref"}
        assert ours <= PUBLIC, file
