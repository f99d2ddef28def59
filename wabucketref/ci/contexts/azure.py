"""Azure Pipelines. A page of a build has its id in the query, which facts never have: the build's URI stands for it."""

from collections.abc import Mapping
from typing import Final

from wabucketref.ci.declared import Declared, plain_ref


def _further(environ: Mapping[str, str]) -> dict[str, str]:
    source = environ.get("SYSTEM_PULLREQUEST_SOURCEBRANCH") or environ.get("BUILD_SOURCEBRANCH", "")
    found = {}
    if source:
        found["vcs.ref.head.name"] = plain_ref(source)
        found["vcs.ref.head.type"] = "tag" if source.startswith("refs/tags/") else "branch"
    if target := environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH"):
        found["vcs.ref.base.name"] = plain_ref(target)
    return found


CONTEXT: Final = Declared(
    name="azure",
    doc="https://learn.microsoft.com/azure/devops/pipelines/build/variables",
    present=("TF_BUILD=true",),
    values={
        "cicd.pipeline.name": "BUILD_DEFINITIONNAME",
        "cicd.pipeline.run.id": "BUILD_BUILDID",
        "cicd.pipeline.run.url.full": "BUILD_BUILDURI",
        "cicd.pipeline.run.attempt": "SYSTEM_JOBATTEMPT",
        "cicd.pipeline.task.name": ("SYSTEM_JOBDISPLAYNAME", "AGENT_JOBNAME", "SYSTEM_JOBNAME"),
        "cicd.pipeline.task.run.id": "SYSTEM_JOBID",
        "cicd.pipeline.trigger.event": "BUILD_REASON",
        "cicd.pipeline.actor": "BUILD_REQUESTEDFOR",
        "cicd.worker.id": "AGENT_ID",
        "cicd.worker.name": "AGENT_NAME",
        "vcs.repository.name": "BUILD_REPOSITORY_NAME",
        "vcs.repository.url.full": "BUILD_REPOSITORY_URI",
        "vcs.owner.name": "SYSTEM_TEAMPROJECT",
        "vcs.ref.head.revision": "BUILD_SOURCEVERSION",
        "vcs.change.id": ("SYSTEM_PULLREQUEST_PULLREQUESTNUMBER", "SYSTEM_PULLREQUEST_PULLREQUESTID"),
    },
    further=_further,
    run_label="build_id",
)
