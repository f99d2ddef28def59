"""GitLab CI. ``CI_REPOSITORY_URL`` carries a token and is not read."""

from typing import Final

from wabucketref.ci.declared import Declared

CONTEXT: Final = Declared(
    name="gitlab",
    doc="https://docs.gitlab.com/ci/variables/predefined_variables/",
    present=("GITLAB_CI=true",),
    values={
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
        "container.image.name": "CI_JOB_IMAGE",
        "vcs.repository.name": "CI_PROJECT_PATH",
        "vcs.repository.url.full": "CI_PROJECT_URL",
        "vcs.owner.name": "CI_PROJECT_NAMESPACE",
        "vcs.ref.head.name": "CI_COMMIT_REF_NAME",
        "vcs.ref.head.revision": "CI_COMMIT_SHA",
        "vcs.ref.base.name": "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
        "vcs.change.id": "CI_MERGE_REQUEST_IID",
    },
    fixed={"vcs.provider.name": "gitlab"},
    further=lambda environ: {"vcs.ref.head.type": "tag" if environ.get("CI_COMMIT_TAG") else "branch"},
    run_label="pipeline_id",
)
