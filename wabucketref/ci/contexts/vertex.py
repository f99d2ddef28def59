"""Google Vertex AI custom training."""

from typing import Final

from wabucketref.ci.declared import Declared

CONTEXT: Final = Declared(
    name="vertex",
    doc="https://cloud.google.com/vertex-ai/docs/training/code-requirements",
    present=("CLOUD_ML_JOB_ID",),
    values={
        "cicd.pipeline.task.run.id": "CLOUD_ML_JOB_ID",
        "cloud.account.id": "CLOUD_ML_PROJECT_ID",
        "cloud.region": "CLOUD_ML_REGION",
    },
    fixed={"cloud.provider": "gcp", "cloud.platform": "gcp_vertex_ai"},
)
