"""GitHub Actions. In a pull request the ref is the source branch. A job has no id there, so the run's stands for it."""

from collections.abc import Mapping
from typing import Final

from wabucketref.ci.declared import Declared


def _further(environ: Mapping[str, str]) -> dict[str, str]:
    found = {}
    if source := environ.get("GITHUB_HEAD_REF"):
        found["vcs.ref.head.name"] = source
    server, repository = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
    if server and repository:
        found["vcs.repository.url.full"] = f"{server}/{repository}"
        if run := environ.get("GITHUB_RUN_ID"):
            found["cicd.pipeline.run.url.full"] = f"{server}/{repository}/actions/runs/{run}"
    return found


CONTEXT: Final = Declared(
    name="github",
    doc="https://docs.github.com/en/actions/reference/workflows-and-actions/variables",
    present=("GITHUB_ACTIONS=true",),
    values={
        "cicd.pipeline.name": "GITHUB_WORKFLOW",
        "cicd.pipeline.run.id": "GITHUB_RUN_ID",
        "cicd.pipeline.run.attempt": "GITHUB_RUN_ATTEMPT",
        "cicd.pipeline.task.name": "GITHUB_JOB",
        "cicd.pipeline.task.run.id": "GITHUB_RUN_ID",
        "cicd.pipeline.trigger.event": "GITHUB_EVENT_NAME",
        "cicd.pipeline.actor": "GITHUB_ACTOR",
        "cicd.worker.name": "RUNNER_NAME",
        "vcs.repository.name": "GITHUB_REPOSITORY",
        "vcs.owner.name": "GITHUB_REPOSITORY_OWNER",
        "vcs.ref.head.name": "GITHUB_REF_NAME",
        "vcs.ref.head.type": "GITHUB_REF_TYPE",
        "vcs.ref.head.revision": "GITHUB_SHA",
        "vcs.ref.base.name": "GITHUB_BASE_REF",
    },
    fixed={"vcs.provider.name": "github"},
    further=_further,
)
