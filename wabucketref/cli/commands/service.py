"""``wabucket service``."""

import sys

import click

from wabucketref.cli.invocation import Invocation, pass_invocation
from wabucketref.cli.options import command_flags
from wabucketref.cli.teaching import TeachingCommand, TeachingGroup
from wabucketref.errors import NotFound


@click.group(
    "service",
    cls=TeachingGroup,
    short_help="Run transfers in a background service.",
    no_args_is_help=False,
    examples=("wabucket service start", "wabucket service status", "wabucket service stop"),
)
def command() -> None:
    """A process in the background that records runs and carries out transfers, so that they outlive their scripts.

    There is one a home. While it runs, every command and API of that home uses it by itself.
    """


@command.command(
    "start",
    cls=TeachingCommand,
    short_help="Start it; it accepts when this returns.",
    examples=("wabucket service start", "wabucket service start --idle-exit 3600"),
)
@click.option(
    "--idle-exit",
    metavar="SECONDS",
    help="End by itself after so long without clients and runs; 0: never.  [env: WABUCKET_SERVICE_IDLE; default: 0]",
)
@click.option("--foreground", is_flag=True, help="Stay in this process, for systemd and containers.")
@command_flags
@pass_invocation
def start(invocation: Invocation, idle_exit: str | None, foreground: bool) -> None:
    """Start the service of this home. It goes on with what earlier processes left in the journals.

    It acts with the credentials of whoever uses it, and for what was left with those of this environment. Its log is
    service/service.log in the home. Nothing happens when one runs already.
    """
    from wabucketref.operations.background import start_service

    if idle_exit is not None:
        invocation.arguments["service_idle"] = idle_exit
    settings = invocation.settings()
    if foreground:
        from wabucketref.cli.background import serve

        serve(settings, lambda welcome: invocation.note(f"the service accepts (process {welcome.pid})"))
        return
    pid, running = start_service(settings, [sys.executable, "-m", "wabucketref.cli.background"])
    words = "was running already" if running else "started"
    invocation.show(lambda: {"running": True, "pid": pid, "started": not running}, lambda: [f"{words}: process {pid}"])


@command.command(
    "status",
    cls=TeachingCommand,
    short_help="Show whether it runs, and what it does.",
    examples=("wabucket service status", "wabucket service status --json"),
)
@command_flags
@pass_invocation
def status(invocation: Invocation) -> None:
    """Show the service of this home: its process, its runs and their transfers. Exit code 3 when none runs."""
    from wabucketref.cli.render.service import service_document, service_lines
    from wabucketref.operations.background import service_status
    from wabucketref.operations.status import run_of_report

    found = service_status(invocation.settings())
    items = [run_of_report(report) for report in found.report.runs]
    if not found.running:
        invocation.keep(lambda: service_document(found, items), lambda: [])
        raise NotFound("no service is running", hint="`wabucket service start` starts it")
    invocation.show(lambda: service_document(found, items), lambda: service_lines(found, items))


@command.command(
    "stop",
    cls=TeachingCommand,
    short_help="End it, once its runs have ended.",
    examples=("wabucket service stop", "wabucket service stop --now"),
)
@click.option("--drain/--now", default=True, help="Let runs and transfers end first, or stop them.  [default: --drain]")
@click.option(
    "--timeout",
    type=click.FloatRange(0, 30 * 86400),
    metavar="SECONDS",
    help="How long to wait; it goes on ending all the same.  [default: the setting finish_timeout]",
)
@command_flags
@pass_invocation
def stop(invocation: Invocation, drain: bool, timeout: float | None) -> None:
    """End the service of this home: it takes nothing new, lets its runs end, and goes. Nothing happens when none runs.

    With --now transfers stop where they are; the journal has them, and the next start or `wabucket sync` goes on.
    """
    from wabucketref.operations.background import stop_service

    settings = invocation.settings()
    seconds = settings.finish_timeout if timeout is None else timeout
    running = stop_service(settings, now=not drain, timeout=seconds)
    words = "stopped" if running else "no service was running"
    invocation.show(lambda: {"running": False, "stopped": running}, lambda: [words])
