#!/bin/sh
# The whole story in a minute: real files go to a bucket and come back verified, a model is trained on them, and the
# lineage is there. No account, no server: the bucket is a directory and the catalog a file, both removed at the end.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Nothing of this machine's own setup takes part, credentials included.
for name in $(env | sed -n 's/^\([A-Z_]*\)=.*/\1/p' | grep -E '^(WANDB|WABUCKET|NEURO|GITHUB|GITLAB|CI|OPENLINEAGE)_|^(TF_BUILD|BUILDKITE)$' || true); do
    unset "$name"
done
export WABUCKET_HOME="$work/home" XDG_CONFIG_HOME="$work/config"
export WABUCKET_TRACKER=embedded WANDB_PROJECT=demo
mkdir "$work/tmp"
export TMPDIR="$work/tmp"

if [ -t 1 ]; then bold=$(printf '\033[1m') plain=$(printf '\033[0m'); else bold='' plain=''; fi
step() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }
run() { printf '$ %s\n' "$*"; "$@"; }

cd "$work"
mkdir -p data/photos/summer data/empty
cp "$here"/*.sh "$here"/*.py data/
printf 'cat,1\ndog,0\n' > data/labels.csv
printf 'not really a picture' > 'data/photos/summer/Katze auf Dach – 1.jpg'
: > data/photos/nothing.txt

step 'A directory becomes an artifact in the bucket'
run wabucket upload data -n cats -t dataset -a 2024-06-01 -m source=demo

step 'The files lie there under their own names; any tool can read them'
(cd home/buckets && find demo -type f -not -path '*/.wabucket/*' | sort)

step 'They come back verified, byte for byte'
run wabucket download dataset/cats:2024-06-01 -d copy
run diff -r data copy && echo 'no difference'

step 'A training script uses the dataset and makes a model'
cp "$here/train.py" .
run python train.py

step 'Files that already lie in the bucket become an artifact without being copied'
mkdir -p home/buckets/demo/raw/2024-05
cp data/labels.csv home/buckets/demo/raw/2024-05/
run wabucket link raw/2024-05 -n raw -t dataset -a 2024-05

step 'What is there, what happened, and what came from what'
run wabucket ls
run wabucket runs
run wabucket lineage model/cat-finder:latest
run wabucket lineage dataset/cats:2024-06-01

step 'The bucket still holds what the manifest says'
run wabucket verify dataset/cats:latest --deep
