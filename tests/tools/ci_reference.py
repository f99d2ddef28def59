"""Writes ``docs/reference/ci.md`` from contexts, outputs and their tests: ``python -m tests.tools.ci_reference``."""

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from tests.tools.generate import run
from tests.unit.ci.samples import SAMPLES
from wabucketref.wiring import CONTEXTS, OUTPUTS, registries

PAGE: Final = "reference/ci.md"
TESTS: Final = Path(__file__).parents[1]
HEAD = """\
# CI systems

Written by `python -m tests.tools.ci_reference` from the contexts and outputs and from their tests; do not edit. How to
use it: [Use it in CI](../how-to/ci.md).

Facts are kept in the run's config under `job`; those named in the columns `job` to `commit` are tags too. Each ✓ is a
fact of the job in the test of its row, which compares all facts and tags.
"""
TITLES: Final = {
    "github": "GitHub Actions",
    "gitlab": "GitLab CI",
    "jenkins": "Jenkins",
    "buildkite": "Buildkite",
    "circleci": "CircleCI",
    "azure": "Azure Pipelines",
    "bitbucket": "Bitbucket Pipelines",
    "argo": "Argo Workflows",
    "apolo": "Apolo",
    "slurm": "SLURM",
    "sagemaker": "SageMaker",
    "vertex": "Vertex AI",
    "batch": "AWS Batch",
    "ray": "Ray",
    "kubernetes": "Kubernetes",
    "container": "a container",
    "git": "a Git checkout",
    "host": "any machine",
}
COLUMNS: Final = {
    "job": ("cicd.pipeline.task.run.id", "cicd.pipeline.task.name"),
    "run": ("cicd.pipeline.run.id",),
    "owner": ("cicd.pipeline.actor",),
    "repository": ("vcs.repository.name", "vcs.repository.url.full"),
    "ref": ("vcs.ref.head.name",),
    "commit": ("vcs.ref.head.revision",),
    "page": ("cicd.pipeline.run.url.full", "cicd.pipeline.task.run.url.full"),
    "attempt": ("cicd.pipeline.run.attempt",),
    "event": ("cicd.pipeline.trigger.event",),
    "worker": ("cicd.worker.name", "cicd.worker.id", "k8s.node.name"),
    "change": ("vcs.change.id",),
}
"""A column of the matrix, and the facts of which one is enough."""


@dataclass(frozen=True)
class Shown:
    """A test: file below ``tests/``, and the name of a function or class in it."""

    path: str
    name: str

    def link(self, case: str = "") -> str:
        """The link; an error when there is no such test."""
        assert self.name in names(self.path), f"{self.path} has no {self.name}"
        return f"[`{self.name}{f'[{case}]' if case else ''}`](../../tests/{self.path})"


@cache
def names(path: str) -> frozenset[str]:
    """Functions and classes of a file."""
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return frozenset(one.name for one in tree.body if isinstance(one, ast.FunctionDef | ast.ClassDef))


CONTEXT_TEST: Final = Shown("unit/ci/test_contexts.py", "test_each_system")
OTHER_CONTEXTS: Final = {
    "container": (Shown("unit/ci/test_contexts.py", "test_container"),),
    "git": (
        Shown("unit/ci/test_contexts.py", "test_git_reads_a_real_checkout"),
        Shown("unit/ci/test_dirty.py", "test_every_change_is_seen"),
    ),
    "host": (Shown("unit/ci/test_contexts.py", "test_host"),),
}
SECRETS: Final = Shown("unit/ci/test_contexts.py", "test_secrets_of_the_environment_never_become_facts")
HOSTILE: Final = Shown("unit/ci/test_contexts.py", "test_hostile_names_become_one_harmless_line")
ANY_VALUE: Final = Shown("unit/ci/test_outputs.py", "test_any_name_arrives_or_is_refused")
HANDED_ON: Final[Mapping[str, tuple[str, str, Sequence[Shown]]]] = {
    "apolo": (
        "`::set-output name=artifact_alias::…` on stdout",
        "TestApolo",
        [ANY_VALUE, Shown("e2e/test_apolo_users.py", "test_the_old_command_lines")],
    ),
    "github": (
        "`GITHUB_OUTPUT`, `GITHUB_STEP_SUMMARY`",
        "TestGitHub",
        [ANY_VALUE, Shown("e2e/test_examples.py", "test_github_actions")],
    ),
    "gitlab": ("dotenv report", "TestGitLab", [ANY_VALUE, Shown("e2e/test_examples.py", "test_gitlab_ci")]),
    "buildkite": (
        "`buildkite-agent meta-data set`, `annotate`",
        "TestBuildkite",
        [
            Shown("unit/ci/test_outputs.py", "test_buildkite_meta_data_and_annotation"),
            Shown("e2e/test_ci_examples.py", "test_buildkite"),
        ],
    ),
    "azure": (
        "`##vso[task.setvariable …]` on stdout",
        "TestAzure",
        [ANY_VALUE, Shown("e2e/test_ci_examples.py", "test_azure_pipelines")],
    ),
    "json": ("JSON file, `--outputs-file FILE`", "TestJsonFile", [ANY_VALUE]),
    "properties": (
        "Java properties, `--outputs-file FILE.properties`",
        "TestProperties",
        [ANY_VALUE, Shown("e2e/test_ci_examples.py", "test_jenkinsfile")],
    ),
}
"""Output to what it writes, the class of its conformance kit, and further tests."""
READ_BY: Final = {
    "jenkins": "properties", "circleci": "json", "bitbucket": "json", "slurm": "json", "sagemaker": "json",
    "vertex": "json", "batch": "json", "ray": "json", "kubernetes": "json", "argo": "properties",
}  # fmt: skip
"""The output to choose where a system has none of its own."""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *matrix(), "", *outputs(), "", *safety(), "", *systems()]) + "\n"


def matrix() -> Iterator[str]:
    """A line a system, a column a kind of fact."""
    yield f"| system | {' | '.join(COLUMNS)} | outputs | shown by |"
    yield "| --- " * (len(COLUMNS) + 3) + "|"
    for name in CONTEXTS:
        if name in SAMPLES:
            facts = SAMPLES[name].facts
            cells = ["✓" if any(one in facts for one in wanted) else "" for wanted in COLUMNS.values()]
            own = name if name in OUTPUTS else f"({READ_BY[name]})"
            yield f"| [{TITLES[name]}](#{anchor(name)}) | {' | '.join(cells)} | {own} | {CONTEXT_TEST.link(name)} |"


def outputs() -> Iterator[str]:
    """A line an output."""
    assert set(HANDED_ON) == set(OUTPUTS)
    registry = registries(plugins=False)["outputs"]
    yield "## Outputs\n"
    yield "An output in brackets above is chosen by `--outputs-file`, as that system has no way of its own.\n"
    yield "| outputs | how | documentation | shown by |"
    yield "| --- | --- | --- | --- |"
    for name, (how, kit, more) in HANDED_ON.items():
        tests = ", ".join(one.link() for one in (Shown("contract/test_outputs.py", kit), *more))
        yield f"| `{name}` | {how} | [page]({registry.get(name).doc}) | {tests} |"


def safety() -> Iterator[str]:
    yield "## Secrets and hostile names\n"
    yield f"For all systems at once: {SECRETS.link()}, {HOSTILE.link()}."


def systems() -> Iterator[str]:
    """A section a system: each fact with its variables."""
    registry = registries(plugins=False)["context"]
    for name in CONTEXTS:
        context = registry.get(name)
        yield f"## {TITLES[name]}\n"
        tests = [CONTEXT_TEST.link(name)] if name in SAMPLES else [one.link() for one in OTHER_CONTEXTS[name]]
        yield f"Context `{name}`, from [its documentation]({context.doc}). Shown by {', '.join(tests)}.\n"
        if name in SAMPLES:
            yield from facts(context, name)


def facts(context: Any, name: str) -> Iterator[str]:
    sample = SAMPLES[name]
    yield "| fact | from | in the test |"
    yield "| --- | --- | --- |"
    for fact, value in sample.facts.items():
        variables = context.values.get(fact, ())
        shown = [f"`{one}`" for one in ((variables,) if isinstance(variables, str) else variables)]
        text = ", ".join(shown) or "worked out"
        yield f"| `{fact}` | {text} | `{value}` |"
    yield ""
    yield f"Tags: {' '.join(f'`{tag}`' for tag in sample.tags)}\n"


def anchor(name: str) -> str:
    return TITLES[name].lower().replace(" ", "-")


if __name__ == "__main__":
    sys.exit(run(PAGE, page()))
