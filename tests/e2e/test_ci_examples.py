"""The CI templates in ``examples/`` are right by the tools of their own systems, and do what they say where those are
faked: Apolo-Flow by hand, Argo, Jenkins, Azure, Buildkite, SLURM, Docker. The rest is in ``test_examples.py``."""

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.test_examples import EXAMPLES, INSTALL, Shell, checkout, filled
from tests.unit.ci import readers
from wabucketref.version import __version__

__all__ = ["checkout"]
BIN = Path(sys.executable).parent
YAML_RULES = (
    "{extends: default, rules: {line-length: {max: 120}, document-start: disable, truthy: disable, "
    "comments: {min-spaces-from-content: 1}, braces: {max-spaces-inside: 1}}}"
)
pytestmark = [pytest.mark.slow]


def lint(program: str, *words: object) -> None:
    ran = subprocess.run([BIN / program, *map(str, words)], capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.needs("linters")
def test_every_example_is_right_by_its_own_tool() -> None:
    lint("yamllint", "--strict", "-d", YAML_RULES, *sorted(EXAMPLES.glob("*.yml")))
    lint("shellcheck", *sorted(EXAMPLES.glob("*.sh")))
    lint("hadolint", EXAMPLES / "Dockerfile")
    lint("check-jsonschema", "--builtin-schema", "vendor.github-workflows", EXAMPLES / "github-actions.yml")
    lint("check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", EXAMPLES / "gitlab-ci.yml")
    lint("check-jsonschema", "--builtin-schema", "vendor.buildkite", EXAMPLES / "buildkite.yml")
    azure = ("--regex-variant", "python", "--builtin-schema", "vendor.azure-pipelines")
    lint("check-jsonschema", *azure, EXAMPLES / "azure-pipelines.yml")


@pytest.fixture
def bucket(tmp_path: Path) -> Mapping[str, str]:
    """A local bucket in place of the team's."""
    place = tmp_path / "team-bucket"
    place.mkdir()
    return {
        "WANDB_PROJECT": "cats",
        "WABUCKET_BUCKET": place.as_uri(),
        "WABUCKET_TRACKER": "embedded",
        "WABUCKET_HOME": str(tmp_path / "mounted"),
    }


def same(checkout: Path, other: Path) -> bool:
    return subprocess.run(["diff", "-r", checkout / "data", other], check=False).returncode == 0


def test_apolo_live(checkout: Path, bucket: Mapping[str, str]) -> None:
    flow = yaml.safe_load((EXAMPLES / "apolo-live.yml").read_text())
    assert flow["kind"] == "live"
    assert set(bucket) <= set(flow["defaults"]["env"])
    job = flow["jobs"]["train"]
    environ = {
        **flow["defaults"]["env"], **bucket, "NEURO_JOB_ID": "job-7", "NEURO_JOB_NAME": "train",
        "NEURO_JOB_OWNER": "ada", "NEURO_JOB_TAGS": ",".join(job["tags"]),
    }  # fmt: skip
    shell = Shell(checkout, environ)
    printed = shell(job["bash"]).splitlines()
    told = readers.apolo(printed)
    assert (told["artifact_type"], told["artifact_name"]) == ("model", "cat-finder"), "the last that was uploaded"
    assert sum(line.startswith("::set-output name=artifact_name::") for line in printed) == 2
    shown = [line for line in printed if "finished" in line]
    assert len(shown) == 2
    run = shell(f"wabucket runs {shown[0].split()[0]} --json")
    for tag in ("job_id:job-7", "job_name:train", "owner:ada", "team:cats"):
        assert f'"{tag}"' in run


@pytest.mark.needs("linters")
def test_argo_workflow(checkout: Path, tmp_path: Path, bucket: Mapping[str, str]) -> None:
    from hera.workflows.models import Workflow

    document = yaml.safe_load((EXAMPLES / "argo-workflow.yml").read_text())
    Workflow.model_validate(document)
    spec = document["spec"]
    templates = {one["name"]: one for one in spec["templates"]}
    known = {"workflow.name": "train-x7k2p", "workflow.uid": "u-1", "workflow.namespace": "ml", "pod.name": "train-p-1"}
    own = {one["name"]: _argo(one["value"], known) for one in spec["templateDefaults"]["container"]["env"]}
    assert set(bucket) - {"WABUCKET_HOME"} <= set(own)
    shell = Shell(checkout, {**own, **bucket, "ARGO_NODE_ID": "train-x7k2p-1", "ARGO_CONTAINER_NAME": "main"})
    printed = ""
    for (step,) in templates[spec["entrypoint"]]["steps"]:
        template = templates[step["template"]]
        for one in step.get("arguments", {}).get("parameters", ()):
            known[f"inputs.parameters.{one['name']}"] = _argo(one["value"], known)
        assert template["container"]["command"] == ["bash", "-euc"]
        (script,) = template["container"]["args"]
        printed = shell(_argo(script, known).replace("/tmp/", f"{tmp_path}/"))
        for one in template.get("outputs", {}).get("parameters", ()):
            path = one["valueFrom"]["path"].replace("/tmp/", f"{tmp_path}/")
            known[f"steps.{step['name']}.outputs.parameters.{one['name']}"] = Path(path).read_text()
    assert same(checkout, checkout / "input")
    assert printed.split()[-2:] == ["labels.csv", "nested"]
    run = shell("wabucket runs --json --job-id train-x7k2p-1")
    for fact in ('"cicd.pipeline.run.id": "u-1"', '"k8s.pod.name": "train-p-1"', '"cicd.provider": "argo"'):
        assert fact in run


def _argo(text: str, known: Mapping[str, str]) -> str:
    """``{{NAME}}`` replaced by values; an unknown name is an error in the example."""
    return re.sub(r"\{\{([\w.-]+)\}\}", lambda match: known[match[1]], text)


def test_jenkinsfile(checkout: Path, bucket: Mapping[str, str]) -> None:
    text = (EXAMPLES / "Jenkinsfile").read_text()
    assert text.count("{") == text.count("}")
    declared = dict(re.findall(r"^\s+(\w+) = '(.*)'$", text, re.MULTILINE))
    assert set(bucket) - {"WABUCKET_HOME"} <= set(declared)
    stages = re.findall(r"stage\('(\w+)'\)(.*?)(?=stage\('|\Z)", text, re.DOTALL)
    own = {"JENKINS_URL": "https://jenkins.example/", "BUILD_TAG": "jenkins-train-3", "JOB_NAME": "train"}
    shell = Shell(checkout, {**declared, **bucket, **own})
    variables: dict[str, str] = {}
    for _, body in stages:
        for script in re.findall(r"sh (?:'''(.*?)'''|'([^'\n]*)')", body, re.DOTALL):
            shell("".join(script), **variables)
        for name, file in re.findall(r"def (\w+) = readProperties file: '(.*?)'", body):
            made = {f"{name}.{key}": value for key, value in readers.properties((checkout / file).read_text()).items()}
            for variable, value in re.findall(r'env\.(\w+) = "(.*?)"', body):
                variables[variable] = _groovy(value, made)
    assert [stage for stage, _ in stages] == ["dataset", "train"]
    assert variables == {"DATASET": "dataset/cats:jenkins-train-3"}
    assert same(checkout, checkout / "input")


def test_azure_pipelines(checkout: Path, bucket: Mapping[str, str]) -> None:
    pipeline = yaml.safe_load((EXAMPLES / "azure-pipelines.yml").read_text())
    assert set(bucket) - {"WABUCKET_HOME"} <= set(pipeline["variables"])
    shell = Shell(checkout, {**pipeline["variables"], **bucket, "TF_BUILD": "True", "BUILD_SOURCEVERSION": "4f1c0ffee"})
    outputs: dict[str, str] = {}
    for job in pipeline["jobs"]:
        variables = {name: _azure(value, outputs) for name, value in job.get("variables", {}).items()}
        for step in job["steps"]:
            if step["script"] != INSTALL:
                told = readers.azure(shell(step["script"], **variables).splitlines())
                outputs |= {f"{step.get('name')}.{key.removeprefix('step.')}": value for key, value in told.items()}
    assert outputs["publish.artifact_alias"] == "4f1c0ffee"
    assert same(checkout, checkout / "input")


def _azure(text: str, outputs: Mapping[str, str]) -> str:
    """``$[ dependencies.JOB.outputs['STEP.NAME'] ]`` replaced by values; an unknown one is an error in the example."""
    return re.sub(r"\$\[ dependencies\.\w+\.outputs\['([\w.]+)'\] \]", lambda match: outputs[match[1]], text)


AGENT = """#!/bin/sh
case "$1 $2" in
    "meta-data set") cat > "$AGENT_KEEPS/$3" ;;
    "meta-data get") cat "$AGENT_KEEPS/$3" ;;
    *) cat > "$AGENT_KEEPS/annotation" ;;
esac
"""


def test_buildkite(checkout: Path, tmp_path: Path, bucket: Mapping[str, str]) -> None:
    pipeline = yaml.safe_load((EXAMPLES / "buildkite.yml").read_text())
    assert set(bucket) - {"WABUCKET_HOME"} <= set(pipeline["env"])
    kept = tmp_path / "meta-data"
    kept.mkdir()
    shell = Shell(checkout, {
        **pipeline["env"], **bucket, "BUILDKITE": "true", "BUILDKITE_COMMIT": "4f1c0ffee",
        "BUILDKITE_AGENT_ACCESS_TOKEN": "t",
    })  # fmt: skip
    agent = Path(shell.environ["PATH"].split(":")[0]) / "buildkite-agent"
    agent.write_text(AGENT.replace("$AGENT_KEEPS", str(kept)))
    agent.chmod(0o755)
    for step in pipeline["steps"]:
        if step != "wait":
            shell(step["command"].replace("$BUILDKITE_COMMIT", "4f1c0ffee").replace("$$", "$"))
    assert same(checkout, checkout / "input")
    assert "dataset/cats&#58;4f1c0ffee" in (kept / "annotation").read_text()


def _groovy(text: str, known: Mapping[str, str]) -> str:
    """``${NAME}`` replaced by values; an unknown name is an error in the example."""
    return re.sub(r"\$\{([\w.]+)\}", lambda match: known[match[1]], text)


def test_slurm_script(checkout: Path, tmp_path: Path, bucket: Mapping[str, str]) -> None:
    script = EXAMPLES / "slurm.sh"
    options = dict(re.findall(r"^#SBATCH --([\w-]+)=(.+)$", script.read_text(), re.MULTILINE))
    assert set(options) == {"job-name", "time", "cpus-per-task"}
    own = {"SLURM_JOB_ID": "4711", "SLURM_JOB_NAME": options["job-name"], "SLURM_JOB_USER": "ada"}
    shell = Shell(checkout, {**bucket, "SLURM_TMPDIR": str(tmp_path / "node")})
    shell("wabucket upload ./data -n cats -t dataset -a one")
    printed = shell(f"bash {script}", **own).splitlines()
    assert printed[-3].startswith("RUN")
    assert [line.split()[2] for line in printed[-2:]] == ["finished"] * 2
    assert list((tmp_path / "node").iterdir()) == [], "the node's disk is clean again"
    assert '"cicd.provider": "slurm"' in shell("wabucket runs --json --tag owner:ada")


def test_dockerfile(checkout: Path, tmp_path: Path, bucket: Mapping[str, str]) -> None:
    """Its instructions, carried out by hand: what it copies is there, what it starts runs."""
    text = (EXAMPLES / "Dockerfile").read_text().replace("\\\n", "")
    steps = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    assert [name for name, _ in steps] == ["FROM", "RUN", "USER", "WORKDIR", "ENV", "COPY", "CMD"]
    found = {step[0]: step[1] for step in steps}
    assert f"wabucketref[service]=={__version__}" in found["RUN"]
    assert found["ENV"] == f"WABUCKET_HOME={found['WORKDIR']}/wabucket"
    inside = tmp_path / "container"
    inside.mkdir()
    *_, copied, target = found["COPY"].split()
    shutil.copy(EXAMPLES / copied, inside / target)
    Shell(checkout, bucket)("wabucket upload ./data -n cats -t dataset -a one")
    words: list[str] = yaml.safe_load(found["CMD"])
    assert Shell(inside, bucket)(" ".join(words)).startswith("model/cat-finder:")


def test_the_batch_flow_refers_to_what_is_there() -> None:
    flow: dict[str, Any] = yaml.safe_load((EXAMPLES / "apolo-flow.yml").read_text())
    ids = [task["id"] for task in flow["tasks"]]
    for task in flow["tasks"]:
        for value in task.get("env", {}).values():
            filled(value, {f"needs.{name}.outputs.artifact_alias": "x" for name in ids})
