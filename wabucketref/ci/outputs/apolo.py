"""Apolo flows: ``::set-output`` lines on stdout."""

from collections.abc import Callable, Mapping

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts


class Apolo:
    """``::set-output name=artifact_name[_SUFFIX]::VALUE``, and so for ``artifact_type`` and ``artifact_alias``."""

    name = "apolo"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return bool(environ.get("NEURO_JOB_ID"))

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        if echo is not None:
            for name, value in facts.named().items():
                echo(f"::set-output name={name}::{value}")


OUTPUTS = Apolo()
