"""GitHub Actions: step outputs and the job summary."""

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

from wabucketref.ci.files import append
from wabucketref.ci.summary import chart, table
from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.errors import UsageError


class GitHub:
    """``artifact_name``, ``artifact_type``, ``artifact_alias`` in ``$GITHUB_OUTPUT``; a table and the lineage in the
    step summary."""

    name = "github"
    doc = "https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return environ.get("GITHUB_ACTIONS") == "true" and bool(environ.get("GITHUB_OUTPUT"))

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        path = environ.get("GITHUB_OUTPUT")
        if not path:
            raise UsageError("GITHUB_OUTPUT is not set", hint="the github outputs work inside a GitHub Actions step")
        append(Path(path), "".join(_heredoc(name, value) for name, value in facts.named().items()), "GITHUB_OUTPUT")
        if summary := environ.get("GITHUB_STEP_SUMMARY"):
            append(Path(summary), f"\n{table(facts)}\n{chart(facts)}\n", "GITHUB_STEP_SUMMARY")


def _heredoc(name: str, value: str) -> str:
    # A delimiter that nobody can guess, so that no value can end it and set an output of its own.
    delimiter = f"wabucket_{secrets.token_hex(16)}"
    return f"{name}<<{delimiter}\n{value}\n{delimiter}\n"


OUTPUTS = GitHub()
