import json
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.ci import readers
from wabucketref.ci import summary
from wabucketref.ci.emit import emit
from wabucketref.ci.outputs.apolo import OUTPUTS as APOLO
from wabucketref.ci.outputs.azure import OUTPUTS as AZURE
from wabucketref.ci.outputs.buildkite import OUTPUTS as BUILDKITE
from wabucketref.ci.outputs.github import OUTPUTS as GITHUB
from wabucketref.ci.outputs.gitlab import OUTPUTS as GITLAB
from wabucketref.ci.outputs.json_file import OUTPUTS as JSON_FILE
from wabucketref.ci.outputs.properties import OUTPUTS as PROPERTIES
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.errors import LocalIOError, NotAuthorised, UsageError

FACTS = OutputFacts("net", "model", "v1-rc", "v0", "s3://b/model/net/v1-rc", "blake3:" + "0" * 64)


def test_apolo_prints_its_lines() -> None:
    lines: list[str] = []
    emit([APOLO], replace(FACTS, suffix="eval"), {}, lines.append)
    assert lines == [
        "::set-output name=artifact_name_eval::net",
        "::set-output name=artifact_type_eval::model",
        "::set-output name=artifact_alias_eval::v1-rc",
    ]
    emit([APOLO], FACTS, {}, None)
    assert APOLO.detect({"NEURO_JOB_ID": "x"})
    assert not APOLO.detect({})


def test_github_outputs_and_summary(tmp_path: Path) -> None:
    environ = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_OUTPUT": str(tmp_path / "out"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
    }
    (tmp_path / "out").write_text("earlier=1\n")
    assert GITHUB.detect(environ)
    assert not GITHUB.detect({"GITHUB_OUTPUT": "x"})
    emit([GITHUB], FACTS, environ, None)
    emit([GITHUB], replace(FACTS, suffix="b"), environ, None)
    text = (tmp_path / "out").read_text()
    assert text.startswith("earlier=1\n")
    assert readers.github(text) == {
        "earlier": "1",
        "artifact_name": "net", "artifact_type": "model", "artifact_alias": "v1-rc",
        "artifact_name_b": "net", "artifact_type_b": "model", "artifact_alias_b": "v1-rc",
    }  # fmt: skip
    delimiters = re.findall(r"<<(\S+)", text)
    assert len(set(delimiters)) == 6
    summary = (tmp_path / "summary").read_text()
    assert "| artifact | <code>model/net&#58;v1-rc</code> |" in summary
    assert summary.count("| --- | --- |") == 2
    assert summary.count("```mermaid\nflowchart LR\n") == 2


def test_github_summary_escapes_what_a_url_may_hold(tmp_path: Path) -> None:
    environ = {"GITHUB_OUTPUT": str(tmp_path / "out"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    emit([GITHUB], replace(FACTS, uri="file:///a|b/<img src=x>\n# head"), environ, None)
    summary = (tmp_path / "summary").read_text()
    assert "<img" not in summary
    assert "\n# head" not in summary
    assert "a|b" not in summary


def test_gitlab_dotenv(tmp_path: Path) -> None:
    environ = {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(tmp_path)}
    assert GITLAB.detect(environ)
    assert not GITLAB.detect({"GITLAB_CI": "true"})
    (tmp_path / "wabucket.env").write_text("OWN=1\nARTIFACT_NAME=old\n")
    emit([GITLAB], FACTS, environ, None)
    emit([GITLAB], replace(FACTS, suffix="a-b.c"), environ, None)
    assert (tmp_path / "wabucket.env").read_text().splitlines() == [
        "OWN=1",
        "ARTIFACT_NAME=net",
        "ARTIFACT_TYPE=model",
        "ARTIFACT_ALIAS=v1-rc",
        "ARTIFACT_NAME_A_B_C=net",
        "ARTIFACT_TYPE_A_B_C=model",
        "ARTIFACT_ALIAS_A_B_C=v1-rc",
    ]
    emit([GITLAB], FACTS, environ | {"WABUCKET_DOTENV": str(tmp_path / "sub" / "x.env")}, None)
    assert (tmp_path / "sub" / "x.env").read_text().startswith("ARTIFACT_NAME=net\n")


def test_json_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    environ = {"WABUCKET_OUTPUT_FILE": str(path)}
    assert JSON_FILE.detect(environ)
    emit([JSON_FILE], FACTS, environ, None)
    emit([JSON_FILE], replace(FACTS, suffix="b", version=None), environ, None)
    found = json.loads(path.read_text())
    assert found["artifact_uri"] == FACTS.uri
    assert found["artifact_version"] == "v0"
    assert found["artifact_version_b"] is None
    assert [one.name for one in tmp_path.iterdir()] == ["result.json"]
    path.write_text("[]")
    with pytest.raises(UsageError, match="not a JSON object"):
        emit([JSON_FILE], FACTS, environ, None)
    path.write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        emit([JSON_FILE], FACTS, environ, None)


@pytest.mark.parametrize(
    ("outputs", "variable"),
    [(GITHUB, "GITHUB_OUTPUT"), (GITLAB, "WABUCKET_DOTENV"), (JSON_FILE, "WABUCKET_OUTPUT_FILE")],
)
def test_files_that_cannot_be_written_are_named(tmp_path: Path, outputs: object, variable: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((LocalIOError, NotAuthorised), match=rf"\({variable}\) cannot be written"):
        emit([outputs], FACTS, {variable: str(tmp_path / "file" / "x")}, None)  # type: ignore[list-item]


def test_chosen_outputs_need_their_variable() -> None:
    for outputs in (GITHUB, JSON_FILE):
        with pytest.raises(UsageError, match="is not set"):
            emit([outputs], FACTS, {}, None)


def test_one_failure_does_not_keep_the_others_from_being_written(tmp_path: Path) -> None:
    lines: list[str] = []
    environ = {"WABUCKET_OUTPUT_FILE": str(tmp_path / "x.json")}
    with pytest.raises(UsageError, match="GITHUB_OUTPUT is not set"):
        emit([GITHUB, APOLO, JSON_FILE], FACTS, environ, lines.append)
    assert len(lines) == 3
    assert (tmp_path / "x.json").exists()


def test_suffixes_that_apolo_could_not_read() -> None:
    lines: list[str] = []
    emit([APOLO], replace(FACTS, suffix="a-b.c"), {}, lines.append)
    assert lines[0] == "::set-output name=artifact_name_a_b_c::net"


def test_azure_sets_variables_for_the_job_and_for_later_jobs() -> None:
    lines: list[str] = []
    emit([AZURE], replace(FACTS, suffix="a-b"), {}, lines.append)
    assert lines[:2] == [
        "##vso[task.setvariable variable=artifact_name_a_b]net",
        "##vso[task.setvariable variable=artifact_name_a_b;isOutput=true]net",
    ]
    assert len(lines) == 6
    emit([AZURE], FACTS, {}, None)
    assert AZURE.detect({"TF_BUILD": "True"})
    assert not AZURE.detect({})


AGENT = """#!{python}
import json, os, sys
with open({log!r}, "a") as log:
    log.write(json.dumps([sys.argv[1:], sys.stdin.read(), sorted(os.environ)]) + "\\n")
if os.path.exists({log!r} + ".fail"):
    sys.exit("fatal: 401 no such job")
"""


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[tuple[list[str], str, list[str]]]]:
    """A `buildkite-agent` that notes how it was called; returns what it noted."""
    log, program = tmp_path / "log", tmp_path / "bin" / "buildkite-agent"
    program.parent.mkdir()
    program.write_text(AGENT.format(python=sys.executable, log=str(log)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent))
    return lambda: [tuple(json.loads(line)) for line in log.read_text().splitlines()]


def buildkite_environ() -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in ("PATH", "HOME")},
        "BUILDKITE": "true",
        "BUILDKITE_JOB_ID": "j",
        "BUILDKITE_AGENT_ACCESS_TOKEN": "t0ken",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
    }


@pytest.mark.row("X4")
def test_buildkite_meta_data_and_annotation(agent: Callable[[], list[tuple[list[str], str, list[str]]]]) -> None:
    environ = buildkite_environ()
    assert BUILDKITE.detect(environ)
    assert not BUILDKITE.detect({"BUILDKITE": "true"})
    hostile = {"why": "$(touch x) `touch x` | <b> \n# head", "-h": "--help"}
    emit([BUILDKITE], replace(FACTS, suffix="eval", metadata=hostile), environ, None)
    *told, (words, shown, _) = agent()
    assert {words[2]: text for words, text, _ in told} == {
        "artifact_name_eval": "net",
        "artifact_type_eval": "model",
        "artifact_alias_eval": "v1-rc",
    }
    assert all(words[:2] == ["meta-data", "set"] and len(words) == 3 for words, _, _ in told)
    assert words[:3] == ["annotate", "--style", "info"]
    assert "<b>" not in shown
    assert "\n# head" not in shown
    for words, _, names in agent():
        assert "t0ken" not in str(words)
        assert "AWS_SECRET_ACCESS_KEY" not in names
        assert "BUILDKITE_AGENT_ACCESS_TOKEN" in names


def test_an_agent_that_fails_is_quoted(agent: Callable[[], object], tmp_path: Path) -> None:
    (tmp_path / "log.fail").touch()
    with pytest.raises(LocalIOError, match=r"`buildkite-agent meta-data set` failed: fatal: 401 no such job"):
        emit([BUILDKITE], FACTS, buildkite_environ(), None)


def test_an_agent_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LocalIOError, match="`buildkite-agent meta-data set` cannot be run: No such file"):
        emit([BUILDKITE], FACTS, buildkite_environ(), None)


def test_properties_file(tmp_path: Path) -> None:
    path = tmp_path / "result.properties"
    environ = {"WABUCKET_OUTPUT_FILE": str(path)}
    assert PROPERTIES.detect(environ)
    assert not JSON_FILE.detect(environ)
    path.write_text("# mine\nown=1\nartifact_name=old\n")
    emit([PROPERTIES], FACTS, environ, None)
    emit([PROPERTIES], replace(FACTS, suffix="b", version=None), environ, None)
    lines = path.read_text().splitlines()
    assert lines[:3] == ["# mine", "own=1", "artifact_name=net"]
    found = readers.properties(path.read_text())
    assert found["artifact_uri"] == FACTS.uri
    assert found["artifact_digest_b"] == FACTS.digest
    assert found["artifact_version_b"] == ""
    assert "artifact_uri=s3://b/model/net/v1-rc" in lines, "a shell reads it too"


ANY = st.text(max_size=40) | st.text("\r\n=<>:;%]#\\\" '|`$[]{}\t\x0b\x85\u2028\ufeff\U0001f600", max_size=20)
HOSTILE = [
    "\n::set-output name=planted::1", "\nplanted=1\n", "EOF\nplanted<<X\n1\nX", "%0Aplanted=1", "a\rb", "\\", "x\\",
    "]planted", "%AZP25", "\u2028planted=1", "##vso[task.setvariable variable=planted]1", "\\u000aplanted=1",
]  # fmt: skip
Read = Callable[[list[str], Path], Mapping[str, str]]
SYSTEMS: list[tuple[object, str, Read]] = [
    (APOLO, "", lambda lines, path: readers.apolo(lines)),
    (AZURE, "", lambda lines, path: readers.azure(lines)),
    (GITHUB, "GITHUB_OUTPUT", lambda lines, path: readers.github(path.read_bytes().decode())),
    (GITLAB, "WABUCKET_DOTENV", lambda lines, path: readers.dotenv(path.read_text())),
    (JSON_FILE, "WABUCKET_OUTPUT_FILE", lambda lines, path: json.loads(path.read_text())),
    (PROPERTIES, "WABUCKET_OUTPUT_FILE", lambda lines, path: readers.properties(path.read_text())),
]


def arrives(outputs: object, variable: str, read: Read, directory: Path, value: str) -> bool:
    """Whether a value arrives as it is; False: it was refused. Nothing else ever arrives."""
    path = directory / "file"
    path.unlink(missing_ok=True)
    lines: list[str] = []
    facts = replace(FACTS, artifact_name=value, uri=value, digest=value, version=value, metadata={value: value})
    try:
        emit([outputs], facts, {variable: str(path)} if variable else {}, lines.append)  # type: ignore[list-item]
    except UsageError:
        assert lines == []
        return False
    found = {name.lower(): text for name, text in read(lines, path).items()}
    assert found["artifact_name"] == value or (outputs is AZURE and "�" in found["artifact_name"])
    assert (found["artifact_type"], found["artifact_alias"]) == ("model", "v1-rc")
    allowed = {*facts.named(), *facts.further()}
    assert {name.removeprefix("step.") for name in found} <= allowed
    return True


@pytest.mark.row("X6")
@pytest.mark.parametrize(("outputs", "variable", "read"), SYSTEMS, ids=lambda one: getattr(one, "name", ""))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(value=ANY.filter(lambda text: text.isascii() or "\x00" not in text))
def test_any_name_arrives_or_is_refused(outputs: object, variable: str, read: Read, tmp_path: Path, value: str) -> None:
    arrives(outputs, variable, read, tmp_path, value)


@pytest.mark.row("X6")
@pytest.mark.parametrize("value", HOSTILE)
def test_hostile_names_set_no_output_of_their_own(tmp_path: Path, value: str) -> None:
    arrived = {
        getattr(outputs, "name", ""): arrives(outputs, variable, read, tmp_path, value)
        for outputs, variable, read in SYSTEMS
    }
    assert arrived["github"]
    assert arrived["json"]
    assert arrived["properties"]
    assert arrives(APOLO, "", SYSTEMS[0][2], tmp_path, "plain-name_1.0")


@pytest.mark.row("X6")
@given(key=ANY, value=ANY, run=ANY)
def test_the_summary_has_one_row_a_fact_whatever_its_text(key: str, value: str, run: str) -> None:
    text = summary.table(replace(FACTS, metadata={key: value}, run=run))
    rows = text.splitlines()
    assert len(rows) == 7 + bool(run)
    assert all(len(re.findall(r"\|", row)) == 3 for row in rows)
    assert not re.search(r"<(?!/?code>)|`|\[|\*|@|://", text)
    chart = summary.chart(replace(FACTS, run=run, inputs=(value,))).splitlines()
    assert [line for line in chart if line.startswith("`")] == ["```mermaid", "```"]
    assert len(chart) == 8
    assert all(line.count('"') in (0, 2) for line in chart)


def test_the_chart_is_the_lineage() -> None:
    facts = replace(FACTS, run="train", inputs=("dataset/cats:one", "dataset/dogs:two"))
    assert summary.chart(facts).splitlines() == [
        "```mermaid",
        "flowchart LR",
        '  n0["dataset/cats:one"]',
        '  n1["dataset/dogs:two"]',
        '  n2(["train"])',
        '  n3["model/net:v1-rc"]',
        "  n0 --> n2",
        "  n1 --> n2",
        "  n2 --> n3",
        "```",
    ]
