"""Apolo flows: ``::set-output`` lines on stdout."""

import re
from collections.abc import Callable, Mapping

from wabucketref.ci.lines import one_value
from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts


class Apolo:
    """``::set-output name=artifact_name[_SUFFIX]::VALUE``, and so for ``artifact_type`` and ``artifact_alias``.

    A flow reads names of letters, digits and ``_`` only: any other character of a suffix becomes ``_``.
    """

    name = "apolo"
    doc = "https://docs.apolo.us/apolo-flow-reference/"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return bool(environ.get("NEURO_JOB_ID"))

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        named = {re.sub(r"[^A-Za-z0-9_]", "_", name): value for name, value in facts.named().items()}
        lines = [f"::set-output name={name}::{one_value(value, 'Apolo')}" for name, value in named.items()]
        if echo is not None:
            for line in lines:
                echo(line)


OUTPUTS = Apolo()
