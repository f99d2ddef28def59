"""Lineage as text."""

from wabucketref.cli.render.text import count, printable, size
from wabucketref.model.run import Lineage, RunInfo


def lineage_lines(lineage: Lineage) -> list[str]:
    """The artifact, the run that made it with its inputs, the runs that used it with their outputs."""
    artifact = lineage.artifact
    facts = [artifact.version or "", count(artifact.files, "file"), size(artifact.bytes)]
    lines = [f"{artifact.ref}  ({', '.join(fact for fact in facts if fact)})"]
    made = lineage.produced_by
    lines.append(f"  made by {_run(made)}" if made else "  made by an unknown run")
    if made:
        lines += [printable(f"    from {reference}") for reference in made.inputs]
    for run in lineage.used_by:
        lines.append(f"  used by {_run(run)}")
        lines += [printable(f"    for {reference}") for reference in run.outputs]
    if not lineage.used_by:
        lines.append("  used by no run")
    return lines


def _run(run: RunInfo) -> str:
    kind = f", {run.job_type}" if run.job_type else ""
    return printable(f"run {run.id}  ({run.name}{kind}, {run.state})")
