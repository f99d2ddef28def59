"""Runs one command line: the only place where errors become text and exit codes."""

import os
import sys
from collections.abc import Sequence

import click

from wabucketref.cli.document import encode
from wabucketref.cli.invocation import Invocation
from wabucketref.cli.root import root
from wabucketref.cli.signals import Stop, stop_signals
from wabucketref.cli.streams import Console
from wabucketref.cli.usage import from_click
from wabucketref.errors import OutOfMemory, WaBucketError

PROGRAM = "wabucket"
COMPLETION_VARIABLE = "_WABUCKET_COMPLETE"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (default: this process's) and return its exit code. Raises nothing."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    invocation = Invocation(Console.of_process(), json=_wants_json(arguments))
    with stop_signals() as stop, invocation.closing:
        try:
            code = _run(arguments, invocation)
            invocation.console.check()
        except (Exception, KeyboardInterrupt) as error:
            return _fail(error, invocation, stop)
    return code


def _run(arguments: list[str], invocation: Invocation) -> int:
    instruction = os.environ.get(COMPLETION_VARIABLE)
    if instruction:
        from click.shell_completion import shell_complete

        return shell_complete(root, {"obj": invocation}, PROGRAM, COMPLETION_VARIABLE, instruction)
    try:
        with root.make_context(PROGRAM, arguments, obj=invocation) as context:
            root.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    return 0


def _wants_json(arguments: Sequence[str]) -> bool:
    """Whether errors in the command line itself shall be JSON, known before it is parsed."""
    before = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in before


def _fail(error: BaseException, invocation: Invocation, stop: Stop) -> int:
    from wabucketref.model.redact import redact

    if invocation.verbose:
        import traceback

        invocation.console.trace(redact("".join(traceback.format_exception(error)), invocation.secrets))
    told = stop.error() if stop.signal is not None else _translate(error)
    message, hint = (redact(text, invocation.secrets) for text in (told.message, told.hint or ""))
    if invocation.json and invocation.console.writable:
        document = told.to_dict() | {"message": message, "hint": hint or None}
        invocation.console.data(encode({**(invocation.partial or {}), "error": document}))
    else:
        invocation.console.say(f"error: {message}")
        if hint:
            invocation.console.say(f"hint: {hint}")
    return told.exit_code


def _translate(error: BaseException) -> WaBucketError:
    if isinstance(error, WaBucketError):
        return error
    if isinstance(error, click.ClickException):
        return from_click(error)
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        return Stop().error()
    if isinstance(error, MemoryError):
        return OutOfMemory()
    return WaBucketError(
        f"internal error: {type(error).__name__}: {str(error) or 'no message'}",
        hint="this is a defect of wabucket: run it again with -v and report what it prints",
    )
