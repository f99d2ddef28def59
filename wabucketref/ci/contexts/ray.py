"""Ray jobs. Of the job's JSON only two names of its metadata are read: the environment in it may hold secrets."""

import json
from collections.abc import Mapping
from typing import Final

from wabucketref.ci.declared import Declared

_JSON: Final = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_MAX_JSON: Final = 1 << 20
_METADATA: Final = {"job_submission_id": "cicd.pipeline.task.run.id", "job_name": "cicd.pipeline.task.name"}


def _further(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        metadata = json.loads(environ.get(_JSON, "")[:_MAX_JSON])["metadata"]
        return {fact: str(metadata[name]) for name, fact in _METADATA.items() if metadata.get(name)}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


CONTEXT: Final = Declared(
    name="ray",
    doc="https://docs.ray.io/en/latest/cluster/running-applications/job-submission/index.html",
    present=("RAY_JOB_ID", "RAY_JOB_SUBMISSION_ID", _JSON),
    values={
        "cicd.pipeline.task.run.id": ("RAY_JOB_SUBMISSION_ID", "RAY_JOB_ID"),
        "ray.job.id": "RAY_JOB_ID",
        "ray.cluster.name": "RAY_CLUSTER_NAME",
    },
    further=_further,
)
