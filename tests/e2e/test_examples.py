"""The files in ``examples/`` do what they say: scripts as processes, workflows step by step as their CI would."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.servers import Server
from tests.tools.markdown import ROOT, blocks, shims
from tests.unit.ci import readers

EXAMPLES = ROOT / "examples"
INSTALL = "pip install wabucketref"
pytestmark = [pytest.mark.slow]


class Shell:
    """Runs commands as a CI runner would: each in a new shell, in one checkout, with the variables it is given."""

    def __init__(self, checkout: Path, environ: Mapping[str, str]) -> None:
        self.checkout = checkout
        path = f"{shims(checkout.parent)}:{os.environ['PATH']}"
        self.environ = {**os.environ, **environ, "PATH": path, "PYTHONPATH": str(ROOT)}

    def __call__(self, script: str, **variables: str) -> str:
        """What it prints on stdout."""
        result = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.checkout,
            env=self.environ | variables,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, f"exit {result.returncode}: {script}\n{result.stdout}{result.stderr}"
        return result.stdout


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A user's repository: some data and a training script."""
    place = tmp_path / "checkout"
    (place / "data" / "nested").mkdir(parents=True)
    (place / "data" / "labels.csv").write_text("cat,1\n")
    (place / "data" / "nested" / "one photo.jpg").write_bytes(bytes(range(256)))
    shutil.copy(EXAMPLES / "train.py", place)
    return place


@pytest.fixture
def team_bucket(moto_s3: Server) -> Server:
    moto_s3.create_bucket("team-bucket")
    return moto_s3


def filled(text: str, values: Mapping[str, str]) -> str:
    """``${{ NAME }}`` replaced by values; an unknown name is an error in the example."""
    return re.sub(r"\$\{\{\s*([\w.-]+)\s*\}\}", lambda match: values[match[1]], str(text))


def github_job(
    workflow: Mapping[str, Any],
    name: str,
    shell: Shell,
    secrets: Mapping[str, str],
    needs: Mapping[str, str] | None = None,
) -> tuple[list[str], dict[str, str]]:
    """Run one job of the workflow: what its steps printed, and its outputs. `needs`: outputs of earlier jobs."""
    job = workflow["jobs"][name]
    values = {f"secrets.{key}": value for key, value in secrets.items()} | dict(needs or {})
    common = dict(workflow.get("env", {})) | dict(job.get("env", {}))
    printed = []
    for number, step in enumerate(job["steps"]):
        if "uses" in step or step["run"] == INSTALL:
            continue
        outputs = shell.checkout.parent / f"outputs-{name}-{number}"
        variables = {key: filled(value, values) for key, value in (common | step.get("env", {})).items()}
        printed.append(shell(filled(step["run"], values), **variables, GITHUB_OUTPUT=str(outputs)))
        found = readers.github(outputs.read_text() if outputs.exists() else "")
        values |= {f"steps.{step.get('id')}.outputs.{key}": value for key, value in found.items()}
    return printed, {key: filled(value, values) for key, value in job.get("outputs", {}).items()}


def github(tmp_path: Path) -> dict[str, str]:
    return {
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_SHA": "4f1c0ffee",
        "GITHUB_REPOSITORY": "team/cats",
        "GITHUB_ACTOR": "somebody",
        "GITHUB_RUN_ID": "17",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md"),
    }


@pytest.mark.needs("moto")
def test_github_actions(checkout: Path, tmp_path: Path, team_bucket: Server) -> None:
    workflow = yaml.safe_load((EXAMPLES / "github-actions.yml").read_text())
    shell = Shell(checkout, {**team_bucket.environ, **github(tmp_path)})
    printed, outputs = github_job(workflow, "train", shell, team_bucket.environ)
    assert printed[0] == "dataset/cats:4f1c0ffee\n"
    assert subprocess.run(["diff", "-r", checkout / "data", checkout / "input"], check=False).returncode == 0
    assert workflow["jobs"]["evaluate"]["needs"] == "train"
    needs = {f"needs.train.outputs.{key}": value for key, value in outputs.items()}
    another = {"WABUCKET_HOME": str(tmp_path / "another runner")}
    elsewhere = Shell(tmp_path, {**team_bucket.environ, **github(tmp_path), **another})
    told, _ = github_job(workflow, "evaluate", elsewhere, team_bucket.environ, needs)
    assert told[-1] == (tmp_path / "model" / "model.txt").read_text() == "bytes seen: 262\n"
    summary = (tmp_path / "summary.md").read_text()
    assert "dataset/cats:4f1c0ffee" in summary
    assert "```mermaid" in summary
    run = shell("wabucket -p cats runs --json")
    for fact in ("team/cats", "somebody", "4f1c0ffee"):
        assert fact in run
    assert team_bucket.environ["AWS_SECRET_ACCESS_KEY"] not in run


@pytest.mark.needs("moto")
def test_the_workflow_in_the_readme(checkout: Path, tmp_path: Path, team_bucket: Server) -> None:
    (block,) = [block for block in blocks(ROOT / "README.md") if block.language == "yaml"]
    workflow = yaml.safe_load(block.text)
    shell = Shell(checkout, {**team_bucket.environ, **github(tmp_path), "GITHUB_SHA": "readme"})
    (name,) = workflow["jobs"]
    printed, _ = github_job(workflow, name, shell, {})
    assert printed[0] == "dataset/cats:readme\n"
    assert subprocess.run(["diff", "-r", checkout / "data", checkout / "copy"], check=False).returncode == 0


@pytest.mark.needs("moto")
def test_gitlab_ci(checkout: Path, team_bucket: Server) -> None:
    pipeline = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text())
    assert pipeline["default"]["before_script"] == [INSTALL]
    own = {"CI": "true", "GITLAB_CI": "true", "CI_PROJECT_DIR": str(checkout), "CI_COMMIT_SHA": "abc123"}
    variables = {name: value.replace("$CI_PROJECT_DIR", str(checkout)) for name, value in pipeline["variables"].items()}
    assert Path(variables["WABUCKET_HOME"]) == checkout / pipeline["default"]["cache"]["paths"][0].rstrip("/")
    shell = Shell(checkout, {**team_bucket.environ, **own, **variables})
    jobs = sorted(
        (job for job in pipeline.values() if "script" in job), key=lambda job: pipeline["stages"].index(job["stage"])
    )
    dotenv: dict[str, str] = {}
    printed = []
    for job in jobs:
        printed.append(shell("\n".join(job["script"]), **dotenv))
        if report := job.get("artifacts", {}).get("reports", {}).get("dotenv"):
            lines = (checkout / report).read_text().splitlines()
            dotenv |= dict(line.split("=", 1) for line in lines)
    assert dotenv == {"ARTIFACT_NAME": "cats", "ARTIFACT_TYPE": "dataset", "ARTIFACT_ALIAS": "abc123"}
    assert "from dataset/cats:abc123" in printed[-1]


@pytest.mark.needs("moto")
def test_apolo_flow(checkout: Path, tmp_path: Path, team_bucket: Server) -> None:
    flow = yaml.safe_load((EXAMPLES / "apolo-flow.yml").read_text())
    assert flow["kind"] == "batch"
    secrets = {"secret:aws-access-key-id": "AWS_ACCESS_KEY_ID", "secret:aws-secret-access-key": "AWS_SECRET_ACCESS_KEY"}
    own = {
        name: team_bucket.environ[secrets[value]] if value in secrets else value
        for name, value in flow["defaults"]["env"].items()
    }
    own["WABUCKET_HOME"] = str(tmp_path / "mounted")
    shell = Shell(checkout, {**team_bucket.environ, **own, "NEURO_JOB_NAME": "bake", "NEURO_JOB_OWNER": "somebody"})
    values: dict[str, str] = {}
    printed = []
    for number, task in enumerate(flow["tasks"]):
        assert set(task.get("needs", [])) <= {name.split(".")[1] for name in values}
        variables = {name: filled(value, values) for name, value in task.get("env", {}).items()}
        printed.append(shell(task["bash"], NEURO_JOB_ID=f"job-{number}", **variables))
        found = re.findall(r"^::set-output name=(\w+)::(.*)$", printed[-1], re.MULTILINE)
        values |= {f"needs.{task['id']}.outputs.{name}": value for name, value in found}
    assert values["needs.dataset.outputs.artifact_type"] == "dataset"
    assert f"from dataset/cats:{values['needs.dataset.outputs.artifact_alias']}" in printed[-1]


def test_offline_and_sync(checkout: Path) -> None:
    printed = Shell(checkout, {"WANDB_PROJECT": "demo"})(f"sh {EXAMPLES / 'offline.sh'} ./data")
    assert printed.count("waiting") == 2
    assert printed.count("recorded, finished") == 2
    assert "used by run" in printed.splitlines()[-1]


def test_training_script(checkout: Path) -> None:
    shell = Shell(checkout, {"WANDB_PROJECT": "demo"})
    shell("wabucket upload data -n cats -t dataset -a first")
    ref = shell("python train.py").strip()
    lineage = shell(f"wabucket lineage {ref}")
    assert "from dataset/cats:first" in lineage
    run = shell(
        'wabucket runs "$(wabucket lineage "$REF" --json | sed -n \'s/.*"id": "\\(.*\\)",/\\1/p\' | head -1)"', REF=ref
    )
    for line in ("config lr", "config epochs", "summary accuracy", "job type"):
        assert line in run


def every_example() -> Iterator[str]:
    yield from (path.name for path in EXAMPLES.iterdir() if path.is_file())


def test_every_example_is_used_here_or_in_the_demo() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    for name in every_example():
        assert name in tests, name
