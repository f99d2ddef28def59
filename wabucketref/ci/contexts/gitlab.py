"""GitLab CI. ``CI_REPOSITORY_URL`` carries a token and is not read."""

from collections.abc import Mapping
from pathlib import Path

from wabucketref.ci.facts import labelled, pick
from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION

_VALUES = {
    "cicd.pipeline.name": "CI_PIPELINE_NAME",
    "cicd.pipeline.run.id": "CI_PIPELINE_ID",
    "cicd.pipeline.run.url.full": "CI_PIPELINE_URL",
    "cicd.pipeline.task.name": "CI_JOB_NAME",
    "cicd.pipeline.task.run.id": "CI_JOB_ID",
    "cicd.pipeline.task.run.url.full": "CI_JOB_URL",
    "cicd.pipeline.trigger.event": "CI_PIPELINE_SOURCE",
    "cicd.pipeline.actor": "GITLAB_USER_LOGIN",
    "cicd.worker.id": "CI_RUNNER_ID",
    "cicd.worker.name": "CI_RUNNER_DESCRIPTION",
    "vcs.repository.name": "CI_PROJECT_PATH",
    "vcs.repository.url.full": "CI_PROJECT_URL",
    "vcs.owner.name": "CI_PROJECT_NAMESPACE",
    "vcs.ref.head.name": "CI_COMMIT_REF_NAME",
    "vcs.ref.head.revision": "CI_COMMIT_SHA",
    "vcs.ref.base.name": "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "vcs.change.id": "CI_MERGE_REQUEST_IID",
}
_TAGS = {
    "cicd.pipeline.run.id": "pipeline_id",
    "cicd.pipeline.task.run.id": "job_id",
    "cicd.pipeline.task.name": "job_name",
    "cicd.pipeline.actor": "owner",
    "vcs.repository.name": "repository",
    "vcs.ref.head.name": "ref",
    "vcs.ref.head.revision": "commit",
}


class GitLab:
    """Facts and tags of a GitLab job."""

    name = "gitlab"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        if environ.get("GITLAB_CI") != "true":
            return None
        values = pick(environ, _VALUES)
        values["vcs.ref.head.type"] = "tag" if environ.get("CI_COMMIT_TAG") else "branch"
        return Facts(self.name, values | {"vcs.provider.name": self.name}, labelled(values, _TAGS))


CONTEXT = GitLab()
