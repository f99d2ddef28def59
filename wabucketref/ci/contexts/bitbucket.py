"""Bitbucket Pipelines. It names a person only by an id."""

from collections.abc import Mapping
from typing import Final

from wabucketref.ci.declared import Declared, branch_or_tag


def _further(environ: Mapping[str, str]) -> dict[str, str]:
    found = branch_or_tag(environ, tag=("BITBUCKET_TAG",), branch=("BITBUCKET_BRANCH",))
    origin, number = environ.get("BITBUCKET_GIT_HTTP_ORIGIN"), environ.get("BITBUCKET_BUILD_NUMBER")
    if origin and number:
        found["cicd.pipeline.run.url.full"] = f"{origin}/pipelines/results/{number}"
    return found


CONTEXT: Final = Declared(
    name="bitbucket",
    doc="https://support.atlassian.com/bitbucket-cloud/docs/variables-and-secrets/",
    present=("BITBUCKET_BUILD_NUMBER",),
    values={
        "cicd.pipeline.run.id": "BITBUCKET_BUILD_NUMBER",
        "cicd.pipeline.run.attempt": "BITBUCKET_STEP_RUN_NUMBER",
        "cicd.pipeline.task.name": "BITBUCKET_STEP_NAME",
        "cicd.pipeline.task.run.id": "BITBUCKET_STEP_UUID",
        "cicd.pipeline.actor": "BITBUCKET_STEP_TRIGGERER_UUID",
        "vcs.repository.name": ("BITBUCKET_REPO_FULL_NAME", "BITBUCKET_REPO_SLUG"),
        "vcs.repository.url.full": "BITBUCKET_GIT_HTTP_ORIGIN",
        "vcs.owner.name": ("BITBUCKET_WORKSPACE", "BITBUCKET_REPO_OWNER"),
        "vcs.ref.head.revision": "BITBUCKET_COMMIT",
        "vcs.ref.base.name": "BITBUCKET_PR_DESTINATION_BRANCH",
        "vcs.change.id": "BITBUCKET_PR_ID",
    },
    fixed={"vcs.provider.name": "bitbucket"},
    further=_further,
    run_label="build_number",
)
