"""What every context must do, by ``contracts/context.py``. Free of pytest."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from wabucketref.ci.collect import collect
from wabucketref.conformance.plugin import check_plugin
from wabucketref.conformance.results import Broken, CheckResult, NotApplicable, must, run_check, same
from wabucketref.contracts.context import Context, Facts

MAX_TAG: Final = 64
_CANARY: Final = "cAnArY0f00d"
_PLANTED: Final = ("CI_JOB_TOKEN", "GITHUB_TOKEN", "AWS_SECRET_ACCESS_KEY", "DATABASE_PASSWORD", "X_API_KEY", "PRIVATE")
_ODD: Final = ("", " ", "\n", "\0", "\x1b[31m", "ä" * 5000, "{", "https://", "%zz", "\udcff")


@dataclass(frozen=True, slots=True)
class ContextBench:
    """A context, and an environment and directory in which it detects."""

    context: Context
    environ: Mapping[str, str]
    directory: Path
    elsewhere: Path
    """A directory in which it detects nothing, if it looks at directories."""
    everywhere: bool = False
    """It detects in every environment (the host)."""

    def facts(self, environ: Mapping[str, str]) -> Facts:
        """What it finds.

        Raises:
            Broken: nothing, or it raised.
        """
        found = self.look(environ, self.directory)
        if found is None:
            raise Broken("it detects nothing in its own environment")
        return found

    def look(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        started = time.thread_time()
        try:
            found = self.context.detect(environ, directory)
        except Exception as error:
            raise Broken(f"detect raised {type(error).__name__}: {error}") from error
        must(time.thread_time() - started < 1, "detect took more than a second")
        return found


def is_a_plugin(bench: ContextBench) -> None:
    """It has a name and was made for this API."""
    check_plugin(bench.context.name, bench.context)


def finds_facts(bench: ContextBench) -> None:
    """Facts are text under dotted names, tags are short and on one line; the environment is left as it was."""
    before = dict(bench.environ)
    found = bench.facts(before)
    same(before, dict(bench.environ), "the environment")
    must(found.provider, "no provider is named")
    for name, value in found.values.items():
        must(isinstance(value, str), f"the value of {name!r} is no text")
        must("." in name, f"{name!r} is no dotted name")
    for tag in found.tags:
        must(len(tag) <= MAX_TAG, f"the tag {tag[:80]!r} has more than {MAX_TAG} characters")


def quiet_elsewhere(bench: ContextBench) -> None:
    """Where it does not run, it says nothing."""
    if bench.everywhere:
        raise NotApplicable("it runs everywhere")
    same(bench.look({}, bench.elsewhere), None, "facts of an empty environment")


def keeps_secrets(bench: ContextBench) -> None:
    """What only looks like a secret is never taken; a run's facts have no user-info or query of a URL."""
    planted = {**dict.fromkeys(_PLANTED, _CANARY), **bench.environ}
    found = bench.facts(planted)
    must(_CANARY not in f"{found.values} {found.tags}", "a secret of the environment is among the facts")
    urls = {name: _with_secret(value) for name, value in planted.items() if "://" in value}
    job = collect([bench.context], {**planted, **urls}, bench.directory)
    must(_CANARY not in f"{job.values} {job.tags}", "a secret of a URL is among the facts of a run")


def survives_anything(bench: ContextBench) -> None:
    """With any variable missing or odd it does not raise."""
    for name in bench.environ:
        rest = {key: value for key, value in bench.environ.items() if key != name}
        bench.look(rest, bench.directory)
        for odd in _ODD:
            bench.look({**rest, name: odd}, bench.directory)


def _with_secret(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return f"{scheme}{separator}user:{_CANARY}@{rest}?token={_CANARY}" if separator else url


Check = Callable[[ContextBench], None]
CHECKS: Final[Sequence[Check]] = (is_a_plugin, finds_facts, quiet_elsewhere, keeps_secrets, survives_anything)


def run_context_check(bench: ContextBench, check: Check) -> CheckResult:
    """One check."""
    return run_check(check.__name__, lambda: check(bench))
