"""Apolo jobs. The platform gives ``NEURO_JOB_*``; a flow may pass the job's own tags on in ``NEURO_JOB_TAGS``."""

from collections.abc import Mapping
from pathlib import Path

from wabucketref.ci.facts import labelled, pick
from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION

_VALUES = {
    "cicd.pipeline.task.run.id": "NEURO_JOB_ID",
    "cicd.pipeline.task.name": "NEURO_JOB_NAME",
    "cicd.pipeline.actor": "NEURO_JOB_OWNER",
    "cicd.worker.name": "NEURO_JOB_CLUSTER",
    "host.name": "NEURO_JOB_INTERNAL_HOSTNAME",
}
_TAGS = {
    "cicd.pipeline.task.run.id": "job_id",
    "cicd.pipeline.task.name": "job_name",
    "cicd.pipeline.actor": "owner",
}


class Apolo:
    """Facts and tags (``job_id:``, ``job_name:``, ``owner:``, then the job's own) of an Apolo job."""

    name = "apolo"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        if not environ.get("NEURO_JOB_ID"):
            return None
        values = pick(environ, _VALUES)
        own = (tag.strip() for tag in environ.get("NEURO_JOB_TAGS", "").split(","))
        return Facts(self.name, values, (*labelled(values, _TAGS), *own))


CONTEXT = Apolo()
