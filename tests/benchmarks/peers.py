"""What ML teams use today: DVC, MLflow and W&B, each in an environment of its own, since they want other packages."""

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.contenders import Contender, Place, Simple, Step

_MLFLOW = """
import os, sys, mlflow
verb, work, here, there = sys.argv[1:]
mlflow.set_tracking_uri(f"sqlite:///{work}/mlflow.db")
if verb == "prepare":
    mlflow.create_experiment("bench", artifact_location=there)
elif verb == "up":
    with mlflow.start_run(experiment_id=mlflow.get_experiment_by_name("bench").experiment_id) as run:
        mlflow.log_artifacts(here, "data")
    open(f"{work}/run", "w").write(run.info.run_id)
else:
    run = open(f"{work}/run").read()
    mlflow.artifacts.download_artifacts(run_id=run, artifact_path="data", dst_path=here)
"""
_WANDB = """
import sys, wandb
verb, here = sys.argv[1:]
with wandb.init(project="bench") as run:
    if verb == "up":
        artifact = wandb.Artifact("data", "dataset")
        artifact.add_dir(here)
        run.log_artifact(artifact).wait()
    else:
        run.use_artifact("data:latest").download(here)
"""
_DVC_UP = 'cd "$1" && "$0" add -q data && "$0" push -q'
_DVC_DOWN = 'cd "$1" && rm -rf .dvc/cache data && "$0" pull -q'


class Installed:
    """An environment that has the packages, made when it is first asked for."""

    def __init__(self, directory: Path | None, name: str, packages: tuple[str, ...]) -> None:
        """`directory`: where environments are; None: nowhere."""
        self._place = directory / name if directory is not None else None
        self._packages = packages

    def missing(self) -> str | None:
        if self._place is None:
            return "--peers DIRECTORY, where it can be installed"
        done = self._place / "installed"
        if done.is_file():
            return None
        try:
            subprocess.run([sys.executable, "-m", "venv", self._place], check=True, capture_output=True, timeout=300)
            pip = [self._place / "bin/pip", "install", "--quiet", *self._packages]
            subprocess.run(pip, check=True, capture_output=True, timeout=1200)
        except (OSError, subprocess.SubprocessError) as error:
            return f"pip install {' '.join(self._packages)}, which failed: {error}"
        done.touch()
        return None

    def program(self, name: str) -> str:
        assert self._place is not None
        return str(self._place / "bin" / name)


@dataclass(frozen=True)
class Dvc:
    """dvc add and push; pull into a checkout whose cache is empty."""

    installed: Installed
    name: str = "DVC (add + push / pull)"
    slow = True

    def missing(self) -> str | None:
        return self.installed.missing()

    def prepare(self, place: Place) -> list[str] | None:
        dvc = self.installed.program("dvc")
        url = f"s3://{place.bucket}/{place.name}"
        steps = (
            'cd "$1" && "$0" init -q --no-scm && "$0" config core.analytics false && "$0" remote add -q -d s3 "$2" && '
            '"$0" remote modify s3 endpointurl "$AWS_ENDPOINT_URL" && cp -r "$3" data'
        )
        return ["sh", "-c", steps, dvc, str(place.work), url, str(place.source)]

    def command(self, step: Step, place: Place) -> list[str] | None:
        script = {"up": _DVC_UP, "down": _DVC_DOWN}.get(step)
        if script is None:
            return None
        return ["sh", "-c", script, self.installed.program("dvc"), str(place.work), str(place.source)]


@dataclass(frozen=True)
class Mlflow:
    """mlflow.log_artifacts to an experiment whose artifacts are in the bucket; download_artifacts."""

    installed: Installed
    name: str = "MLflow"
    slow = True

    def missing(self) -> str | None:
        return self.installed.missing()

    def prepare(self, place: Place) -> list[str] | None:
        return self._script("prepare", place, place.source)

    def command(self, step: Step, place: Place) -> list[str] | None:
        if step not in ("up", "down"):
            return None
        return self._script(step, place, place.source if step == "up" else place.target)

    def _script(self, verb: str, place: Place, here: Path) -> list[str]:
        there = f"s3://{place.bucket}/{place.name}"
        return [self.installed.program("python"), "-c", _MLFLOW, verb, str(place.work), str(here), there]


@dataclass(frozen=True)
class Wandb(Simple):
    """W&B's SDK with the files in the artifact itself, which go to a server of ours on this machine, not to S3."""

    slow = True
    environ: dict[str, str] = field(default_factory=dict)
    """What makes the SDK talk to it."""
    name: str = "W&B SDK (to `wabucket serve`)"

    def command(self, step: Step, place: Place) -> list[str] | None:
        if step not in ("up", "down"):
            return None
        here = place.source if step == "up" else place.target
        variables = [f"{name}={value}" for name, value in (self.environ | self._own(place)).items()]
        return ["env", *variables, sys.executable, "-c", _WANDB, step, str(here)]

    def _own(self, place: Place) -> dict[str, str]:
        """No cache of this machine, and none that the upload filled."""
        kept = place.work / "sdk"
        return {name: str(kept) for name in ("WANDB_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR")}


def users_tools(directory: Path | None, wandb: dict[str, str]) -> list[Contender]:
    """The tools of users, installed below `directory`; `wandb`: the variables for its SDK."""
    return [
        Dvc(Installed(directory, "dvc", ("dvc[s3]",))),
        Mlflow(Installed(directory, "mlflow", ("mlflow", "boto3"))),
        Wandb(wandb),
    ]
