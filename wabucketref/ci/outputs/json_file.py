"""A JSON file for everything else."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wabucketref.ci.files import replace, writing
from wabucketref.ci.outputs.properties import ENDINGS
from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.errors import UsageError


class JsonFile:
    """One JSON object in the file that ``$WABUCKET_OUTPUT_FILE`` or ``--outputs-file`` names, unless that is one of
    properties by its name; what the object held before is replaced by name, or stays."""

    name = "json"
    doc = "https://www.rfc-editor.org/rfc/rfc8259"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        path = environ.get("WABUCKET_OUTPUT_FILE", "")
        return bool(path) and not path.endswith(ENDINGS)

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        chosen = environ.get("WABUCKET_OUTPUT_FILE")
        if not chosen:
            raise UsageError(
                "WABUCKET_OUTPUT_FILE is not set",
                hint="give the file to write by --outputs-file, or set it to its path",
            )
        path = Path(chosen)
        found = _before(path) | dict(facts.named()) | dict(facts.further())
        replace(path, json.dumps(found, indent=2) + "\n", "WABUCKET_OUTPUT_FILE")


def _before(path: Path) -> dict[str, Any]:
    with writing(path, "WABUCKET_OUTPUT_FILE"):
        text = path.read_text("utf-8", errors="replace") if path.exists() else ""
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} (WABUCKET_OUTPUT_FILE) is not JSON", hint="remove it or name another") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} (WABUCKET_OUTPUT_FILE) is not a JSON object", hint="remove it or name another")
    return found


OUTPUTS = JsonFile()
