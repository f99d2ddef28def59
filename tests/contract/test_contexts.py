"""The contexts that are built in keep the contract: the kit that plugins' contexts run on."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.ci.samples import SAMPLES
from wabucketref.ci.contexts.container import Container
from wabucketref.registry import Registry
from wabucketref.testing.context import ContextConformance, Surroundings
from wabucketref.wiring import registries

ENVIRONMENTS: Mapping[str, Mapping[str, str]] = {
    **{name: sample.environ for name, sample in SAMPLES.items()},
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


class TestContainer(ContextConformance):
    @pytest.fixture
    def surroundings(self, tmp_path: Path) -> Surroundings:
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "self" / "cgroup").write_text(f"0::/docker/{'0123abcd' * 8}\n")
        return Surroundings(Container(tmp_path), {}, everywhere=True)
