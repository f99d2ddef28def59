"""SLURM: the job, the job array it belongs to, and the node."""

from typing import Final

from wabucketref.ci.declared import Declared

CONTEXT: Final = Declared(
    name="slurm",
    doc="https://slurm.schedmd.com/sbatch.html#SECTION_OUTPUT-ENVIRONMENT-VARIABLES",
    present=("SLURM_JOB_ID",),
    values={
        "cicd.pipeline.task.run.id": "SLURM_JOB_ID",
        "cicd.pipeline.task.name": "SLURM_JOB_NAME",
        "cicd.pipeline.run.id": "SLURM_ARRAY_JOB_ID",
        "cicd.pipeline.run.attempt": "SLURM_RESTART_COUNT",
        "cicd.pipeline.actor": "SLURM_JOB_USER",
        "cicd.worker.name": "SLURMD_NODENAME",
        "slurm.cluster.name": "SLURM_CLUSTER_NAME",
        "slurm.partition.name": "SLURM_JOB_PARTITION",
        "slurm.account.name": "SLURM_JOB_ACCOUNT",
        "slurm.array.task.id": "SLURM_ARRAY_TASK_ID",
        "slurm.node.count": "SLURM_JOB_NUM_NODES",
        "slurm.process.id": "SLURM_PROCID",
    },
    run_label="array_job_id",
)
