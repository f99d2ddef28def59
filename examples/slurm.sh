#!/bin/bash
# sbatch slurm.sh
# Train on a cluster: the dataset is fetched to the node's own disk, the model goes to the bucket. The home lies on a disk
# that the nodes share, so versions and lineage are one catalog for all jobs.
#SBATCH --job-name=train
#SBATCH --time=01:00:00
#SBATCH --cpus-per-task=8
set -euo pipefail

export WANDB_PROJECT=cats
export WABUCKET_BUCKET=${WABUCKET_BUCKET:-s3://team-bucket}
export WABUCKET_TRACKER=embedded
export WABUCKET_HOME=${WABUCKET_HOME:-$HOME/wabucket}

scratch=${SLURM_TMPDIR:-${TMPDIR:-/tmp}}/$SLURM_JOB_ID
mkdir -p "$scratch"
trap 'rm -rf "$scratch"' EXIT

wabucket download dataset/cats:latest -d "$scratch/input"
python train.py

# Everything that this job did, whichever node it ran on.
wabucket runs --job-id "$SLURM_JOB_ID"
