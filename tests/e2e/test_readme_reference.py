"""The references say what the code says."""

import builtins
import dataclasses
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import pytest

import wabucketref
from tests.tools.markdown import ROOT
from wabucketref import WaBucketRefAPI, errors
from wabucketref.cli.root import EXIT_CODES
from wabucketref.model import jsonvalue
from wabucketref.model.canonical import run_config_hash
from wabucketref.model.result import DownloadResult, UploadResult, VerifyResult
from wabucketref.runs.run import Run
from wabucketref.service.ticket import Ticket
from wabucketref.settings.fields import ENVIRONMENT, OTHER_VARIABLES
from wabucketref.settings.model import Settings

REFERENCE = ROOT / "docs" / "reference"


def text_of(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def rows(page: str) -> Iterator[list[str]]:
    """The cells of every table row of a page."""
    for line in page.splitlines():
        if line.startswith("| ") and not line.startswith("| ---"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_every_setting_has_its_row_in_order() -> None:
    found = [row for row in rows(text_of("settings.md")) if len(row) == 4 and row[0].startswith("`")]
    assert [(row[0], row[1]) for row in found] == [
        (f"`{name}`", f"`{variable}`") for name, variable in ENVIRONMENT.items()
    ]
    page = text_of("settings.md") + (ROOT / "docs/how-to/ci.md").read_text(encoding="utf-8")
    for variable in OTHER_VARIABLES - {"WABUCKET_FAILPOINTS"}:
        assert variable in page


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_defaults_of_settings(name: str) -> None:
    shown = next(row[2] for row in rows(text_of("settings.md")) if row[0] == f"`{name}`")
    default = getattr(Settings, name, None)
    match default:
        case int() if name == "memory":
            assert shown == f"`{default >> 20} MiB`"
        case int() | float():
            assert shown == f"`{default:g}`"
        case str():
            assert shown == f"`{default}`"
        case _:
            assert not re.fullmatch(r"`[^`]*`", shown)


def test_choices_of_settings_are_named() -> None:
    for name, annotation in get_type_hints(Settings).items():
        meaning = next((row[3] for row in rows(text_of("settings.md")) if row[0] == f"`{name}`"), "")
        for choice in re.findall(r"Literal\[(.*?)\]", str(annotation)):
            for word in re.findall(r"'(\w+)'", choice):
                assert f"`{word}`" in meaning or name == "console", f"{name}: {word}"


def test_every_exit_code_and_kind_has_its_row() -> None:
    page = text_of("exit-codes.md")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for code, meaning in EXIT_CODES.items():
        assert f"| {code} | {meaning} |" in page
        assert f"| {code} | {meaning} |".replace("(wabucket sync)", "(`wabucket sync`)") in readme or code in (130, 143)
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.WaBucketError)
    ]
    shown = {row[0]: row for row in rows(page) if len(row) == 5}
    for kind in kinds:
        assert shown[f"`{kind.kind}`"][1:3] == [str(kind.exit_code), f"`{kind.__name__}`"]
        for base in re.findall(r"`(\w+)`", shown[f"`{kind.kind}`"][3]):
            assert issubclass(kind, getattr(builtins, base))
    assert len([row for row in shown if row.startswith("`")]) == len(kinds)


@pytest.mark.row("N8")
def test_vectors_of_the_config_hash() -> None:
    vectors = [row for row in rows(text_of("run-config-hash.md")) if re.fullmatch(r"`[0-9a-f]{64}`", row[1])]
    assert len(vectors) >= 8
    for config, expected in vectors:
        assert run_config_hash(json.loads(config.strip("`"))) == expected.strip("`")


def test_limits_of_values() -> None:
    shown = {row[0]: row[1] for row in rows(text_of("values.md")) if re.fullmatch(r"[\d,]+", row[-1])}
    assert shown == {
        "nesting": f"{jsonvalue.MAX_DEPTH:,}",
        "keys in one value": f"{jsonvalue.MAX_KEYS:,}",
        "values in one value": f"{jsonvalue.MAX_ITEMS:,}",
        "elements of an array": f"{jsonvalue.MAX_ARRAY:,}",
        "characters of a string": f"{jsonvalue.MAX_TEXT:,}",
        "characters of a key": f"{jsonvalue.MAX_KEY:,}",
        "bytes of metadata, as indented JSON": f"{jsonvalue.MAX_METADATA_BYTES:,}",
    }


def public(kind: type) -> set[str]:
    return {name for name in vars(kind) if not name.startswith("_")}


@pytest.mark.parametrize("kind", [WaBucketRefAPI, Ticket])
def test_every_public_name_is_in_the_python_reference(kind: type) -> None:
    page = text_of("python-api.md")
    for name in public(kind):
        assert re.search(rf"`{name}[`(]", page), name


def test_names_of_a_run_and_of_results_are_in_the_python_reference() -> None:
    page = text_of("python-api.md")
    for name in public(Run) - {"in_short"}:
        assert re.search(rf"`{name}[`(]", page), name
    for kind in (UploadResult, DownloadResult, VerifyResult):
        row = next(row for row in rows(page) if row[0] == f"`{kind.__name__}`")
        assert re.findall(r"`(\w+)`", row[1].partition(";")[0]) == [field.name for field in dataclasses.fields(kind)]
    for name in set(wabucketref.__all__) - {"__version__"}:
        assert name in page + text_of("exit-codes.md")


def test_signatures_in_the_python_reference_are_the_real_ones() -> None:
    page = re.sub(r"\n", " ", text_of("python-api.md"))
    for name, shown in re.findall(r"`(\w+)\(([^`]*)\)`", page):
        found = getattr(WaBucketRefAPI, name, None) or getattr(Run, name, None) or getattr(Ticket, name, None)
        found = WaBucketRefAPI if name == "WaBucketRefAPI" else found
        if found is None:
            continue
        parameters = [one for one in inspect.signature(found).parameters.values() if one.name != "self"]
        if name == "finish":
            parameters = parameters[:1]
        plain = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
        real = str(inspect.Signature(plain)).strip("()").replace("'", '"')
        assert real == shown, name


def test_pages_name_no_machine() -> None:
    forbidden = re.compile(r"(?<!service)/work/|/opt/|/root/|/tmp/tmp|localhost:\d|\.example\b")
    for page in [ROOT / "README.md", ROOT / "CHANGELOG.md", *Path(ROOT / "docs").rglob("*.md")]:
        assert not forbidden.search(page.read_text(encoding="utf-8")), page


def test_every_decision_is_in_the_index_under_its_title() -> None:
    place = ROOT / "docs" / "decisions"
    shown = {row[0]: row[1:] for row in rows((place / "README.md").read_text(encoding="utf-8"))}
    for page in sorted(place.glob("0*.md")):
        title, _, status = page.read_text(encoding="utf-8").split("\n")[:3]
        number, _, what = title.removeprefix("# ").partition(" ")
        assert shown[f"[{number}]({page.name})"] == [what, status.removeprefix("Status: ")]
