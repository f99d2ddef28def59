#!/bin/sh
# Work where no tracker is in reach, and record it later: the journal keeps everything until `wabucket sync`.
#
#     WANDB_PROJECT=demo sh offline.sh ./data
set -eu
data=${1:?"give a directory"}

# On the machine without a network. The bucket has to be in reach; here it is a directory.
export WANDB_MODE=offline
wabucket upload "$data" -n cats -t dataset -a collected-offline
wabucket download dataset/cats:collected-offline -d ./copy
diff -r "$data" ./copy

# What waits: two runs. The tracker knows nothing of them yet.
wabucket status

# Back home.
unset WANDB_MODE
wabucket sync
wabucket lineage dataset/cats:collected-offline
