"""The tags that the platform knows of an Apolo job: asked only when that can work, and never to the upload's harm."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.logs import said
from wabucketref.ci.collect import collect
from wabucketref.ci.contexts import apolo, apolo_tags
from wabucketref.ci.contexts.apolo import Apolo

NOWHERE = Path("/nonexistent/place")
JOB = {"NEURO_JOB_ID": "job-1", "APOLO_PASSED_CONFIG": "e30="}

SDK = """
import asyncio, types

class Client:
    def __init__(self):
        self.jobs = self

    async def __aenter__(self):
        return self

    async def __aexit__(self, *_):
        pass

    async def status(self, id):
        if id == "fails":
            raise RuntimeError("401: no such token t0psecret")
        if id == "hangs":
            await asyncio.sleep(3600)
        return types.SimpleNamespace(tags=("flow:main", "a::b\\n"))

def get():
    return Client()
"""


@pytest.fixture
def sdk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "apolo_sdk.py").write_text(SDK)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(apolo_tags.__dict__, "apolo_sdk", raising=False)
    yield
    import sys

    sys.modules.pop("apolo_sdk", None)


def test_the_platform_is_asked(sdk: None) -> None:
    found = collect([Apolo()], JOB | {"NEURO_JOB_NAME": "train"}, NOWHERE)
    assert found.tags == ("job_id:job-1", "job_name:train", "flow:main", "a%3A%3Ab")


def test_tags_that_the_flow_passed_on_are_enough(sdk: None) -> None:
    found = collect([Apolo(ask=lambda job: 1 / 0)], JOB | {"NEURO_JOB_TAGS": "mine"}, NOWHERE)  # type: ignore[arg-type]
    assert found.tags == ("job_id:job-1", "mine")


def test_without_sdk_or_login_nobody_is_asked(tmp_path: Path, sdk: None) -> None:
    asked: list[str] = []
    context = Apolo(ask=lambda job: asked.append(job) or ["x"])  # type: ignore[func-returns-value]
    bare = {"NEURO_JOB_ID": "job-1", "APOLO_CONFIG": str(tmp_path), "NEUROMATION_CONFIG": str(tmp_path)}
    assert collect([context], bare, NOWHERE).tags == ("job_id:job-1",)
    assert asked == []
    (tmp_path / "db").touch()
    assert collect([context], bare, NOWHERE).tags == ("job_id:job-1", "x")
    assert collect([context], {k: v for k, v in bare.items() if k != "NEURO_JOB_ID"}, NOWHERE).tags == ()


def test_a_missing_sdk_is_no_problem(caplog: pytest.LogCaptureFixture) -> None:
    found = collect([Apolo()], JOB, NOWHERE)
    assert found.tags == ("job_id:job-1",)
    assert found.problems == ()


@pytest.mark.row("X6", "X19")
@pytest.mark.parametrize(("job", "words"), [("fails", "RuntimeError"), ("hangs", "no answer within 0.2 s")])
def test_a_platform_that_fails_or_hangs_harms_nothing(
    sdk: None, caplog: pytest.LogCaptureFixture, job: str, words: str
) -> None:
    before = threading.active_count()
    with caplog.at_level(logging.INFO):
        found = collect([Apolo(seconds=0.2)], JOB | {"NEURO_JOB_ID": job}, NOWHERE)
    assert found.tags == (f"job_id:{job}",)
    (line,) = said(caplog)
    assert words in str(line)
    assert "t0psecret" not in caplog.text
    assert threading.active_count() <= before + 1


def test_the_limit_is_the_one_of_the_contract() -> None:
    assert apolo.SECONDS <= 5
