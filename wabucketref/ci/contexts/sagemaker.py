"""Amazon SageMaker training jobs. Hyperparameters and the job's whole description are not read."""

from typing import Final

from wabucketref.ci.declared import Declared

CONTEXT: Final = Declared(
    name="sagemaker",
    doc="https://github.com/aws/sagemaker-training-toolkit/blob/master/ENVIRONMENT_VARIABLES.md",
    present=("TRAINING_JOB_NAME", "TRAINING_JOB_ARN", "SM_CURRENT_HOST"),
    values={
        "cicd.pipeline.task.run.id": ("TRAINING_JOB_NAME", "TRAINING_JOB_ARN"),
        "cicd.pipeline.task.name": "TRAINING_JOB_NAME",
        "cicd.worker.name": "SM_CURRENT_HOST",
        "host.type": "SM_CURRENT_INSTANCE_TYPE",
        "cloud.resource_id": "TRAINING_JOB_ARN",
        "cloud.region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
    },
    fixed={"cloud.provider": "aws", "cloud.platform": "aws_sagemaker"},
)
