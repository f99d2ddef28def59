"""Azure Pipelines: logging commands on stdout that set variables."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts

# As the agent reads them back; the percent sign first, which the others put in.
_DATA: Final = (("%", "%AZP25"), ("\r", "%0D"), ("\n", "%0A"))


class Azure:
    """``artifact_name[_SUFFIX]`` and so on, each once for later steps of the job and once as an output of the step
    (``isOutput``), which later jobs read as ``STEP.artifact_name``."""

    name = "azure"
    doc = "https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return environ.get("TF_BUILD", "").lower() == "true"

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        if echo is None:
            return
        for name, value in facts.named().items():
            variable = re.sub(r"[^A-Za-z0-9_.]", "_", name)
            for further in ("", ";isOutput=true"):
                echo(f"##vso[task.setvariable variable={variable}{further}]{_data(value)}")


def _data(value: str) -> str:
    for character, escape in _DATA:
        value = value.replace(character, escape)
    # The agent writes line breaks of other kinds as they are; a log must not show them as lines.
    return "".join(one if one.isprintable() else "�" for one in value)


OUTPUTS = Azure()
