"""``wabucket download``."""

import re
from collections.abc import Sequence
from pathlib import Path

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags, filters, follow_references
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import UsageError
from wabucketref.model.reference import ArtifactRef


def parse_target(words: Sequence[str]) -> ArtifactRef:
    """``TYPE NAME ALIAS`` or ``TYPE/NAME:ALIAS``.

    Raises:
        UsageError: with the right spelling built from the input.
    """
    if len(words) == 1:
        return ArtifactRef.parse(words[0])
    if any("/" in word or ":" in word for word in words):
        raise UsageError(f"{' '.join(words)!r} mixes a reference with separate names", hint=_meant(words))
    if len(words) != 3:
        kind, name = words[0], words[1]
        hint = f"write {kind}/{name}:ALIAS, for example {kind}/{name}:latest"
        raise UsageError(f"{' '.join(words)!r} is not TYPE NAME ALIAS", hint=hint)
    return ArtifactRef(*words)


def _meant(words: Sequence[str]) -> str:
    if re.fullmatch("[^/:]+/[^/:]+:[^/:]+", words[0]):
        return f"write {words[0]} alone"
    parts = [part for part in "/".join(words).replace(":", "/").split("/") if part]
    return f"write {parts[0]}/{parts[1]}:{parts[2]}" if len(parts) == 3 else "write TYPE/NAME:ALIAS"


@click.command(
    "download",
    cls=TeachingCommand,
    short_help="Fetch an artifact, verified.",
    examples=(
        "wabucket -p demo download dataset/cats:2024-06-01",
        "wabucket -p demo download dataset cats latest -d ./data --include '*.jpg'",
    ),
)
@click.argument("target", metavar="TYPE NAME ALIAS | TYPE/NAME:ALIAS", nargs=-1, required=True)
@click.option(
    "-d",
    "--destination-folder",
    metavar="DIR",
    help="Where to put the files; foreign files there stay.  [default: ./TYPE/NAME/ALIAS]",
)
@click.option(
    "-a",
    "--run-args",
    "--run_args",
    "run_args",
    metavar="TEXT",
    help="Arguments of the run, recorded as its config: '--key value …', 'key=value …' or JSON.",
)
@filters
@follow_references
@click.option("--deep", is_flag=True, help="Read files that are in DIR already, whatever is remembered of them.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched; fetch nothing.")
@command_flags
@pass_invocation
def command(
    invocation: Invocation,
    /,
    target: tuple[str, ...],
    destination_folder: str | None,
    run_args: str | None,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    follow_references: bool,
    deep: bool,
    dry_run: bool,
) -> None:
    """Fetch an artifact into a directory, recorded as the input of a new run.

    ALIAS may be an alias, `latest` or a version like v3. Every byte is verified before a file gets its name; a
    download that was interrupted goes on where it stopped. What is in DIR already is not fetched again, nor read again
    while the disk shows no change of it. Prints the directory.

    An artifact that a script logged with W&B's SDK is fetched from where its files are: the tracker, and what it refers
    to inside the bucket. References that lead elsewhere are named, and followed only with --follow-references.
    """
    from wabucketref.model.runargs import parse_run_args

    reference = parse_target(target)
    config = parse_run_args(run_args, "--run_args")
    destination = Path(destination_folder) if destination_folder is not None else None
    from wabucketref.operations.download import download

    with invocation.workspace() as workspace:
        invocation.deliver(
            lambda: download(
                workspace,
                reference,
                destination,
                run_args=config,
                include=include,
                exclude=exclude,
                follow_references=follow_references,
                deep=deep,
                dry_run=dry_run,
            ),
            lambda result: result.to_dict(),
            lambda result: [str(result.path)],
        )
