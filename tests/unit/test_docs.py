"""Documentation that cannot rot: what the program says and what the pages say are compared."""

import re
from importlib.metadata import version
from pathlib import Path

import click
import pytest

from tests.tools import cli_reference, json_reference
from tests.tools.generate import DOCS
from wabucketref import errors
from wabucketref.cli.root import COMMANDS, EXIT_CODES, root
from wabucketref.settings.fields import ENVIRONMENT

CLI = DOCS / cli_reference.PAGE


def every_command() -> list[tuple[str, click.Command]]:
    found = [(inner.command_path, command) for command, inner in cli_reference.commands(root, cli_reference.top())]
    return [("wabucket", root), *found]


@pytest.mark.parametrize(
    ("path", "text", "tool"),
    [
        (CLI, cli_reference.page, "cli_reference"),
        (DOCS / json_reference.PAGE, json_reference.page, "json_reference"),
    ],
)
def test_generated_pages_are_up_to_date(path: Path, text: "type[str]", tool: str) -> None:
    assert path.read_text(encoding="utf-8") == text(), f"run `python -m tests.tools.{tool}`"


@pytest.mark.parametrize(("path", "command"), every_command(), ids=lambda value: value if type(value) is str else "")
def test_every_command_teaches(path: str, command: click.Command) -> None:
    assert command.help
    assert command.examples
    for example in command.examples:
        assert "wabucket " in example
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path} {parameter.opts} has no help"
            assert parameter.help.endswith((".", "…", "]"))


@pytest.mark.parametrize(("path", "command"), every_command(), ids=lambda value: value if type(value) is str else "")
def test_examples_parse(path: str, command: click.Command) -> None:
    """Each example's options exist."""
    known = {
        option
        for _, one in every_command()
        for parameter in one.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    for example in command.examples:
        ours = re.split(r"[|>)]", example.split("wabucket", 1)[1])[0]
        for word in re.findall(r"(?<!\S)--?[a-z][a-z-]*", ours):
            assert word in known, f"{path}: {word} in {example!r}"


def test_short_helps_are_the_commands_own() -> None:
    for name, text in COMMANDS.items():
        command = root.get_command(cli_reference.top(), name)
        assert command is not None
        assert command.short_help == text


def test_every_exit_code_is_documented_and_every_kind_has_one() -> None:
    text = CLI.read_text(encoding="utf-8")
    for code, meaning in EXIT_CODES.items():
        assert re.search(rf"^ +{code} +{re.escape(meaning)}$", text, re.MULTILINE)
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    used = {kind.exit_code for kind in kinds if issubclass(kind, errors.WaBucketError)}
    assert used | {0} == set(EXIT_CODES)


def test_global_options_name_their_variables() -> None:
    for parameter in root.params:
        if parameter.expose_value and isinstance(parameter, click.Option):
            assert parameter.name in ENVIRONMENT
            assert f"[env: {ENVIRONMENT[parameter.name]}" in (parameter.help or "")


def test_the_page_on_serve_names_the_releases_that_are_tested() -> None:
    page = (DOCS / "how-to" / "serve.md").read_text(encoding="utf-8")
    makefile = (DOCS.parent / "Makefile").read_text(encoding="utf-8")
    sdks = re.search(r"^SDKS \?= (.+)$", makefile, re.MULTILINE)
    assert sdks is not None
    shown = dict(re.findall(r"^\| ([0-9.]+)[^|]*\| `make (\w+)` \|", page, re.MULTILINE))
    newest = ".".join(version("wandb").split(".")[:2])
    assert {release for release, target in shown.items() if target == "sdks"} == set(sdks[1].split())
    assert [release for release, target in shown.items() if target == "test" and release.startswith(f"{newest}.")]
