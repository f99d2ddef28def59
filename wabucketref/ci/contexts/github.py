"""GitHub Actions."""

from collections.abc import Mapping
from pathlib import Path

from wabucketref.ci.facts import labelled, pick
from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION

_VALUES = {
    "cicd.pipeline.name": "GITHUB_WORKFLOW",
    "cicd.pipeline.run.id": "GITHUB_RUN_ID",
    "cicd.pipeline.run.attempt": "GITHUB_RUN_ATTEMPT",
    "cicd.pipeline.task.name": "GITHUB_JOB",
    "cicd.pipeline.trigger.event": "GITHUB_EVENT_NAME",
    "cicd.pipeline.actor": "GITHUB_ACTOR",
    "cicd.worker.name": "RUNNER_NAME",
    "vcs.repository.name": "GITHUB_REPOSITORY",
    "vcs.owner.name": "GITHUB_REPOSITORY_OWNER",
    "vcs.ref.head.name": "GITHUB_REF_NAME",
    "vcs.ref.head.type": "GITHUB_REF_TYPE",
    "vcs.ref.head.revision": "GITHUB_SHA",
    "vcs.ref.base.name": "GITHUB_BASE_REF",
}
_TAGS = {
    "cicd.pipeline.run.id": "run_id",
    "cicd.pipeline.task.name": "job_name",
    "cicd.pipeline.actor": "owner",
    "vcs.repository.name": "repository",
    "vcs.ref.head.name": "ref",
    "vcs.ref.head.revision": "commit",
}


class GitHub:
    """Facts and tags of a GitHub Actions job. In a pull request the ref is the source branch."""

    name = "github"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        if environ.get("GITHUB_ACTIONS") != "true":
            return None
        values = pick(environ, _VALUES) | pick(environ, {"vcs.ref.head.name": "GITHUB_HEAD_REF"})
        server, repository = environ.get("GITHUB_SERVER_URL"), environ.get("GITHUB_REPOSITORY")
        if server and repository:
            values["vcs.repository.url.full"] = f"{server}/{repository}"
            if run := environ.get("GITHUB_RUN_ID"):
                values["cicd.pipeline.run.url.full"] = f"{server}/{repository}/actions/runs/{run}"
        return Facts(self.name, values | {"vcs.provider.name": self.name}, labelled(values, _TAGS))


CONTEXT = GitHub()
