import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from wabucketref.ci.emit import emit
from wabucketref.ci.outputs.apolo import OUTPUTS as APOLO
from wabucketref.ci.outputs.github import OUTPUTS as GITHUB
from wabucketref.ci.outputs.gitlab import OUTPUTS as GITLAB
from wabucketref.ci.outputs.json_file import OUTPUTS as JSON_FILE
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


def read_heredocs(text: str) -> dict[str, str]:
    """GitHub's own rules."""
    return {name: value for name, _, value in re.findall(r"^(\w+)<<(\S+)\n(.*?)\n\2\n", text, re.DOTALL | re.MULTILINE)}


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
    assert read_heredocs(text) == {
        "artifact_name": "net", "artifact_type": "model", "artifact_alias": "v1-rc",
        "artifact_name_b": "net", "artifact_type_b": "model", "artifact_alias_b": "v1-rc",
    }  # fmt: skip
    delimiters = re.findall(r"<<(\S+)", text)
    assert len(set(delimiters)) == 6
    summary = (tmp_path / "summary").read_text()
    assert "| artifact | <code>model/net:v1-rc</code> |" in summary
    assert summary.count("| --- | --- |") == 2


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
