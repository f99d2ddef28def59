"""A training script: its input, metric and output end up in one run, and so in the lineage of the model.

It takes ``dataset/cats:latest`` of the project in ``WANDB_PROJECT``; before it runs, put a dataset there by
``wabucket upload ./data -n cats -t dataset``.
"""

import tempfile
from pathlib import Path

import wandb

from wabucketref import WaBucketRefAPI


def do_train(artifact: Path) -> tuple[dict[str, float], Path]:
    """Stands in for real training: "learns" how many bytes the dataset has."""
    sizes = [path.stat().st_size for path in artifact.rglob("*") if path.is_file()]
    model = Path(tempfile.mkdtemp()) / "model.txt"
    model.write_text(f"bytes seen: {sum(sizes)}\n")
    return {"files": len(sizes), "accuracy": 0.93}, model


def main() -> None:
    with WaBucketRefAPI() as api:
        api.wandb_start_run(w_job_type="train", run_args={"epochs": 3, "lr": 0.001})
        folder = api.download_artifact("cats", "dataset", "latest")
        metrics, model = do_train(folder)
        wandb.run.log(metrics)
        alias = api.upload_artifact(model, "cat-finder", "model", art_metadata=metrics)
        print(f"model/cat-finder:{alias}")


if __name__ == "__main__":
    main()
