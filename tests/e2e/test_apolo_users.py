"""An Apolo job with the command lines and API calls of the earlier tool: tags, outputs and bucket paths are as ever.

The environment is the platform's, and its control plane a real HTTP server behind a stand-in for ``apolo-sdk``.
"""

import argparse
import json
import sys
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.unit.ci import readers
from wabucketref import WaBucketRefAPI
from wabucketref.cli.main import main

TAGS = ("job_id:job-42", "job_name:train", "owner:ada", "project:cats", "flow:nightly")
SDK = """
import asyncio, json, types, urllib.request

class get:
    async def __aenter__(self):
        return types.SimpleNamespace(jobs=self)

    async def __aexit__(self, *_):
        pass

    async def status(self, id):
        with urllib.request.urlopen(f"{URL}/api/v1/jobs/{id}", timeout=3) as answer:
            return types.SimpleNamespace(tags=json.load(answer)["tags"])
"""


@pytest.fixture
def control_plane() -> Iterator[tuple[str, list[str]]]:
    """Its URL, and the paths that were asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            body = json.dumps({"id": "job-42", "tags": ["project:cats", "flow:nightly"]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, control_plane: tuple[str, list[str]]) -> Iterator[Path]:
    """The job's working directory, with some data in it."""
    (tmp_path / "sdk").mkdir()
    (tmp_path / "sdk" / "apolo_sdk.py").write_text(f"URL = {control_plane[0]!r}\n{SDK}")
    monkeypatch.syspath_prepend(tmp_path / "sdk")
    work = tmp_path / "work"
    (work / "data" / "sub").mkdir(parents=True)
    (work / "data" / "a.txt").write_text("alpha")
    (work / "data" / "sub" / "b.txt").write_text("beta")
    monkeypatch.chdir(work)
    for name, value in {
        "NEURO_JOB_ID": "job-42",
        "NEURO_JOB_NAME": "train",
        "NEURO_JOB_OWNER": "ada",
        "NEURO_JOB_CLUSTER": "default",
        "NEURO_PASSED_CONFIG": "bm90IHJlYWQ=",
        "WANDB_PROJECT": "cats",
        "WABUCKET_TRACKER": "embedded",
    }.items():
        monkeypatch.setenv(name, value)
    yield work
    sys.modules.pop("apolo_sdk", None)


def tags_of(capsys: pytest.CaptureFixture[str], run: str | None = None) -> tuple[str, ...]:
    capsys.readouterr()
    assert main(["runs", "--job-id", "job-42", "--json"]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    return tuple(next(one["tags"] for one in items if run in (None, one["name"])))


def test_the_old_command_lines(
    job: Path,
    capsys: pytest.CaptureFixture[str],
    isolated_environment: Path,
    control_plane: tuple[str, list[str]],
) -> None:
    bucket = isolated_environment / "wabucket" / "buckets" / "team-bucket"
    before = ["--bucket", "team-bucket", "--project-name", "cats", "--run-name", "up", "--job-type", "data"]
    words = [
        "upload",
        "data",
        "-n",
        "photos",
        "-t",
        "dataset",
        "-a",
        "v-one",
        "-m",
        "source=zoo",
        "-s",
        "raw",
        "--reff",
    ]
    assert main([*before, *words]) == 0
    printed = capsys.readouterr().out
    assert readers.apolo(printed.splitlines()) == {
        "artifact_name_raw": "photos",
        "artifact_type_raw": "dataset",
        "artifact_alias_raw": "v-one",
    }
    assert printed.startswith("::set-output name=artifact_name_raw::photos\n")
    assert tags_of(capsys, "up") == TAGS
    assert control_plane[1] == ["/api/v1/jobs/job-42"]
    place = bucket / "dataset" / "photos" / "v-one"
    assert (place / "a.txt").read_text() + (place / "sub" / "b.txt").read_text() == "alphabeta"

    assert main(["--bucket", "team-bucket", "upload", "data", "--name", "more", "--type", "dataset"]) == 0
    told = readers.apolo(capsys.readouterr().out.splitlines())
    assert str(uuid.UUID(told["artifact_alias"])) == told["artifact_alias"]
    assert (bucket / "dataset" / "more" / told["artifact_alias"] / "a.txt").is_file()

    assert main(["--bucket", "team-bucket", "download", "dataset", "photos", "v-one", "-a", "--lr 0.1"]) == 0
    assert (job / "dataset" / "photos" / "v-one" / "sub" / "b.txt").read_text() == "beta"
    words = ["--bucket", "team-bucket", "download", "dataset", "photos", "v-one", "--destination-folder", "there"]
    assert main(words) == 0
    assert (job / "there" / "a.txt").read_text() == "alpha"


def test_the_old_api_calls(job: Path, capsys: pytest.CaptureFixture[str], isolated_environment: Path) -> None:
    api = WaBucketRefAPI(bucket="team-bucket", project_name="cats")
    api.wandb_start_run(w_run_name="fit", w_job_type="train", run_args=argparse.Namespace(lr=0.1))
    alias = api.upload_artifact(
        src_folder=job / "data",
        art_name="net",
        art_type="model",
        art_metadata={"accuracy": 0.9},
        as_refference=True,
        overwrite=False,
        suffix="best",
    )
    assert api.upload_artifact(job / "data", "net", "model", art_alias="v-two") == "v-two"
    folder = api.download_artifact(art_name="net", art_type="model", art_alias=alias)
    assert (Path(folder) / "a.txt").read_text() == "alpha"
    api.close()
    told = readers.apolo(capsys.readouterr().out.splitlines())
    assert told == {
        "artifact_name_best": "net", "artifact_type_best": "model", "artifact_alias_best": alias,
        "artifact_name": "net", "artifact_type": "model", "artifact_alias": "v-two",
    }  # fmt: skip
    assert tags_of(capsys, "fit") == TAGS
    place = isolated_environment / "wabucket" / "buckets" / "team-bucket" / "model" / "net"
    assert (place / alias / "sub" / "b.txt").read_text() == (place / "v-two" / "sub" / "b.txt").read_text() == "beta"
