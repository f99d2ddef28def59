"""The outputs that are built in keep the contract: the kit that plugins' outputs run on."""

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests.unit.ci import readers
from wabucketref.registry import Registry
from wabucketref.testing.outputs import OutputsConformance, Steps
from wabucketref.wiring import registries


@pytest.fixture(scope="module")
def outputs() -> Registry:
    return registries(plugins=False)["outputs"]


class TestApolo(OutputsConformance):
    @pytest.fixture
    def steps(self, outputs: Registry) -> Steps:
        def read(printed: Sequence[str]) -> Mapping[str, str]:
            lines = "\n".join(printed).split("\n")
            return dict(
                match.groups() for line in lines if (match := re.fullmatch(r"::set-output name=(.+?)::(.*)", line))
            )

        return Steps(outputs.get("apolo"), {"NEURO_JOB_ID": "job-1"}, read)


class TestGitHub(OutputsConformance):
    @pytest.fixture
    def steps(self, outputs: Registry, tmp_path: Path) -> Steps:
        file = tmp_path / "output"

        def read(printed: Sequence[str]) -> Mapping[str, str]:
            found = re.findall(r"^(\w+)<<(\S+)\n(.*?)\n\2\n", file.read_text(), re.DOTALL | re.MULTILINE)
            return {name: value for name, _, value in found}

        return Steps(outputs.get("github"), {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(file)}, read)


class TestGitLab(OutputsConformance):
    @pytest.fixture
    def steps(self, outputs: Registry, tmp_path: Path) -> Steps:
        file = tmp_path / "wabucket.env"

        def read(printed: Sequence[str]) -> Mapping[str, str]:
            pairs = [line.partition("=") for line in file.read_text().splitlines()]
            return {name.lower(): value for name, _, value in pairs}

        return Steps(outputs.get("gitlab"), {"GITLAB_CI": "true", "CI_PROJECT_DIR": str(tmp_path)}, read)


class TestJsonFile(OutputsConformance):
    @pytest.fixture
    def steps(self, outputs: Registry, tmp_path: Path) -> Steps:
        file = tmp_path / "outputs.json"
        return Steps(outputs.get("json"), {"WABUCKET_OUTPUT_FILE": str(file)}, lambda _: json.loads(file.read_text()))


class TestProperties(OutputsConformance):
    @pytest.fixture
    def steps(self, outputs: Registry, tmp_path: Path) -> Steps:
        file = tmp_path / "outputs.properties"
        return Steps(
            outputs.get("properties"),
            {"WABUCKET_OUTPUT_FILE": str(file)},
            lambda _: readers.properties(file.read_text()),
        )


class TestAzure(OutputsConformance):
    @pytest.fixture
    def steps(self, outputs: Registry) -> Steps:
        return Steps(outputs.get("azure"), {"TF_BUILD": "True"}, readers.azure)


class TestBuildkite(OutputsConformance):
    @pytest.fixture
    def steps(self, outputs: Registry, tmp_path: Path) -> Steps:
        """The agent is a script that keeps meta-data in files."""
        agent, kept = tmp_path / "buildkite-agent", tmp_path / "meta-data"
        kept.mkdir()
        agent.write_text(f'#!/bin/sh\nif [ "$1" = meta-data ]; then cat > "{kept}/$3"; else cat > /dev/null; fi\n')
        agent.chmod(0o755)
        environ = {
            "BUILDKITE": "true", "BUILDKITE_AGENT_ACCESS_TOKEN": "t", "PATH": f"{tmp_path}:{os.environ['PATH']}",
        }  # fmt: skip
        return Steps(
            outputs.get("buildkite"), environ, lambda _: {file.name: file.read_text() for file in kept.iterdir()}
        )
