"""Buildkite."""

from collections.abc import Mapping
from typing import Final

from wabucketref.ci.declared import Declared, branch_or_tag


def _further(environ: Mapping[str, str]) -> dict[str, str]:
    found = branch_or_tag(environ, tag=("BUILDKITE_TAG",), branch=("BUILDKITE_BRANCH",))
    change = environ.get("BUILDKITE_PULL_REQUEST", "false")
    if change != "false":
        found["vcs.change.id"] = change
    build, job = environ.get("BUILDKITE_BUILD_URL"), environ.get("BUILDKITE_JOB_ID")
    if build and job:
        found["cicd.pipeline.task.run.url.full"] = f"{build}/jobs/{job}"
    return found


CONTEXT: Final = Declared(
    name="buildkite",
    doc="https://buildkite.com/docs/pipelines/configure/environment-variables",
    present=("BUILDKITE=true",),
    values={
        "cicd.pipeline.name": ("BUILDKITE_PIPELINE_NAME", "BUILDKITE_PIPELINE_SLUG"),
        "cicd.pipeline.run.id": "BUILDKITE_BUILD_ID",
        "cicd.pipeline.run.url.full": "BUILDKITE_BUILD_URL",
        "cicd.pipeline.run.attempt": "BUILDKITE_RETRY_COUNT",
        "cicd.pipeline.task.name": ("BUILDKITE_LABEL", "BUILDKITE_STEP_KEY"),
        "cicd.pipeline.task.run.id": "BUILDKITE_JOB_ID",
        "cicd.pipeline.trigger.event": "BUILDKITE_SOURCE",
        "cicd.pipeline.actor": ("BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_AUTHOR"),
        "cicd.worker.id": "BUILDKITE_AGENT_ID",
        "cicd.worker.name": "BUILDKITE_AGENT_NAME",
        "vcs.repository.url.full": "BUILDKITE_REPO",
        "vcs.owner.name": "BUILDKITE_ORGANIZATION_SLUG",
        "vcs.ref.head.revision": "BUILDKITE_COMMIT",
        "vcs.ref.base.name": "BUILDKITE_PULL_REQUEST_BASE_BRANCH",
    },
    further=_further,
    run_label="build_id",
)
