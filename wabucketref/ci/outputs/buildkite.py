"""Buildkite: the build's meta-data and an annotation, both through its agent."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from wabucketref.ci.summary import table
from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.errors import LocalIOError

_AGENT: Final = "buildkite-agent"
_SECONDS: Final = 30.0
_PASSED_ON: Final = ("BUILDKITE", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "PATH", "HOME", "TMPDIR")


class Buildkite:
    """Meta-data ``artifact_name[_SUFFIX]`` and so on for later steps of the build; an annotation for people.

    Values go to the agent on its standard input: a command line may be read by anybody on the machine.
    """

    name = "buildkite"
    doc = "https://buildkite.com/docs/agent/cli/reference/meta-data"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return environ.get("BUILDKITE") == "true" and bool(environ.get("BUILDKITE_AGENT_ACCESS_TOKEN"))

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        for name, value in facts.named().items():
            _tell(("meta-data", "set", re.sub(r"[^A-Za-z0-9_.-]", "_", name)), value, environ)
        _tell(("annotate", "--style", "info", "--context", "wabucket", "--append"), f"{table(facts)}\n", environ)


def _tell(words: Sequence[str], text: str, environ: Mapping[str, str]) -> None:
    """Run the agent with `text` as its input.

    Raises:
        LocalIOError: it is not there, fails, or takes too long.
    """
    import subprocess  # loaded where the agent is run

    passed = {name: value for name, value in environ.items() if name.upper().startswith(_PASSED_ON)}
    what = f"`{_AGENT} {' '.join(words[:2])}`"
    hint = "the artifact itself is safe; see the log of the agent"
    try:
        done = subprocess.run(  # noqa: S603 - no shell, and no word of the line is a value
            [_AGENT, *words],
            input=text.encode(errors="replace"),
            env=passed,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalIOError(f"{what} took more than {_SECONDS:g} s", hint=hint) from error
    except OSError as error:
        raise LocalIOError(f"{what} cannot be run: {error.strerror}", hint=hint) from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise LocalIOError(f"{what} failed: {said[-1] if said else f'exit code {done.returncode}'}", hint=hint)


OUTPUTS = Buildkite()
