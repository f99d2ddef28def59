"""AWS Batch."""

from typing import Final

from wabucketref.ci.declared import Declared

CONTEXT: Final = Declared(
    name="batch",
    doc="https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html",
    present=("AWS_BATCH_JOB_ID",),
    values={
        "cicd.pipeline.task.run.id": "AWS_BATCH_JOB_ID",
        "cicd.pipeline.run.attempt": "AWS_BATCH_JOB_ATTEMPT",
        "cicd.worker.name": "AWS_BATCH_CE_NAME",
        "aws.batch.queue.name": "AWS_BATCH_JQ_NAME",
        "aws.batch.array.index": "AWS_BATCH_JOB_ARRAY_INDEX",
        "aws.batch.node.index": "AWS_BATCH_JOB_NODE_INDEX",
        "aws.batch.node.count": "AWS_BATCH_JOB_NUM_NODES",
        "cloud.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    },
    fixed={"cloud.provider": "aws", "cloud.platform": "aws_batch"},
)
