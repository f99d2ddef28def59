"""The contexts that are built in keep the contract: the kit that plugins' contexts run on."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from wabucketref.registry import Registry
from wabucketref.testing.context import ContextConformance, Surroundings
from wabucketref.wiring import registries

ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    "apolo": {"NEURO_JOB_ID": "job-1", "NEURO_JOB_NAME": "train", "NEURO_JOB_OWNER": "ann"},
    "github": {
        "GITHUB_ACTIONS": "true",
        "GITHUB_RUN_ID": "17",
        "GITHUB_JOB": "train",
        "GITHUB_ACTOR": "ann",
        "GITHUB_SERVER_URL": "https://github.example.org",
        "GITHUB_REPOSITORY": "ann/cats",
        "GITHUB_SHA": "a" * 40,
        "GITHUB_REF_NAME": "main",
    },
    "gitlab": {
        "GITLAB_CI": "true",
        "CI_JOB_ID": "5",
        "CI_JOB_NAME": "train",
        "CI_JOB_URL": "https://gitlab.example.org/ann/cats/-/jobs/5",
        "CI_PIPELINE_ID": "6",
        "CI_PROJECT_PATH": "ann/cats",
        "CI_COMMIT_SHA": "b" * 40,
    },
    "host": {"USER": "ann"},
}


@pytest.fixture(scope="module")
def contexts() -> Registry:
    return registries(plugins=False)["context"]


@pytest.mark.parametrize("name", ENVIRONMENTS)
class TestBuiltIn(ContextConformance):
    @pytest.fixture
    def surroundings(self, name: str, contexts: Registry) -> Surroundings:
        return Surroundings(contexts.get(name), ENVIRONMENTS[name], everywhere=name == "host")


class TestGit(ContextConformance):
    @pytest.fixture
    def surroundings(self, contexts: Registry, tmp_path: Path) -> Surroundings:
        git = tmp_path / "checkout" / ".git"
        git.mkdir(parents=True)
        (git / "HEAD").write_text("c" * 40 + "\n")
        return Surroundings(contexts.get("git"), {}, tmp_path / "checkout")
