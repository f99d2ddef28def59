"""Jenkins. What its Git and multibranch plugins set is there only where they are used."""

from typing import Final

from wabucketref.ci.declared import Declared, branch_or_tag

CONTEXT: Final = Declared(
    name="jenkins",
    doc="https://www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables",
    present=("JENKINS_URL", "JENKINS_HOME"),
    values={
        "cicd.pipeline.name": "JOB_NAME",
        "cicd.pipeline.run.id": "BUILD_NUMBER",
        "cicd.pipeline.run.url.full": "BUILD_URL",
        "cicd.pipeline.task.name": ("STAGE_NAME", "JOB_BASE_NAME", "JOB_NAME"),
        "cicd.pipeline.task.run.id": ("BUILD_TAG", "BUILD_ID"),
        "cicd.pipeline.actor": ("BUILD_USER_ID", "CHANGE_AUTHOR"),
        "cicd.worker.name": "NODE_NAME",
        "cicd.worker.id": "EXECUTOR_NUMBER",
        "vcs.repository.url.full": ("GIT_URL", "GIT_URL_1"),
        "vcs.ref.head.revision": "GIT_COMMIT",
        "vcs.ref.base.name": "CHANGE_TARGET",
        "vcs.change.id": "CHANGE_ID",
    },
    further=lambda environ: branch_or_tag(
        environ, tag=("TAG_NAME",), branch=("CHANGE_BRANCH", "BRANCH_NAME", "GIT_BRANCH")
    ),
    run_label="build_number",
)
