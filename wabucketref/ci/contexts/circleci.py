"""CircleCI."""

from collections.abc import Mapping
from typing import Final

from wabucketref.ci.declared import Declared, branch_or_tag


def _further(environ: Mapping[str, str]) -> dict[str, str]:
    found = branch_or_tag(environ, tag=("CIRCLE_TAG",), branch=("CIRCLE_BRANCH",))
    owner, name = environ.get("CIRCLE_PROJECT_USERNAME"), environ.get("CIRCLE_PROJECT_REPONAME")
    if owner and name:
        found["vcs.repository.name"] = f"{owner}/{name}"
    return found


CONTEXT: Final = Declared(
    name="circleci",
    doc="https://circleci.com/docs/reference/variables/",
    present=("CIRCLECI=true",),
    values={
        "cicd.pipeline.run.id": ("CIRCLE_PIPELINE_ID", "CIRCLE_WORKFLOW_ID"),
        "cicd.pipeline.task.name": "CIRCLE_JOB",
        "cicd.pipeline.task.run.id": ("CIRCLE_WORKFLOW_JOB_ID", "CIRCLE_BUILD_NUM"),
        "cicd.pipeline.task.run.url.full": "CIRCLE_BUILD_URL",
        "cicd.pipeline.actor": "CIRCLE_USERNAME",
        "cicd.worker.id": "CIRCLE_NODE_INDEX",
        "vcs.repository.name": "CIRCLE_PROJECT_REPONAME",
        "vcs.repository.url.full": "CIRCLE_REPOSITORY_URL",
        "vcs.owner.name": "CIRCLE_PROJECT_USERNAME",
        "vcs.ref.head.revision": "CIRCLE_SHA1",
        "vcs.change.id": "CIRCLE_PR_NUMBER",
    },
    further=_further,
    run_label="pipeline_id",
)
