"""``wabucket doctor``."""

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand
from wabucketref.errors import SettingsError


@click.command(
    "doctor",
    cls=TeachingCommand,
    short_help="Probe storage, tracker and clock.",
    examples=("wabucket -p demo doctor", "wabucket -p demo --bucket s3://team doctor --no-plugins"),
)
@click.option("--no-plugins", is_flag=True, help="Leave installed plugins out: load none, use none.")
@command_flags
@pass_invocation
def command(invocation: Invocation, no_plugins: bool) -> None:
    """Probe what a transfer needs: settings, home, bucket, tracker, clock, plugins. One line each, with what to do.

    The bucket is written to below a random name, which is removed again. Ends with exit code 2 when a probe fails.
    """
    from wabucketref.cli.render.doctor import probe_document, probe_lines
    from wabucketref.operations.doctor import doctor

    with invocation.workspace(plugins=not no_plugins) as workspace:
        probes = doctor(workspace)
    failed = [probe for probe in probes if probe.ok is False]
    if failed:
        invocation.keep(lambda: probe_document(probes), lambda: probe_lines(probes))
        raise SettingsError(f"{len(failed)} of {len(probes)} probes failed", hint="mend them in the order shown")
    invocation.show(lambda: probe_document(probes), lambda: probe_lines(probes))
