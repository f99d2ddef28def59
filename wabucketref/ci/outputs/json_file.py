"""A JSON file for everything else."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wabucketref.ci.files import replace, writing
from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.outputs import OutputFacts
from wabucketref.errors import UsageError


class JsonFile:
    """One JSON object in ``$WABUCKET_OUTPUT_FILE``; names that it held before are replaced or stay."""

    name = "json"
    api_version = API_VERSION

    def detect(self, environ: Mapping[str, str]) -> bool:
        return bool(environ.get("WABUCKET_OUTPUT_FILE"))

    def write(self, facts: OutputFacts, environ: Mapping[str, str], echo: Callable[[str], None] | None) -> None:
        chosen = environ.get("WABUCKET_OUTPUT_FILE")
        if not chosen:
            raise UsageError("WABUCKET_OUTPUT_FILE is not set", hint="set it to the path of the JSON file to write")
        path = Path(chosen)
        tail = f"_{facts.suffix}" if facts.suffix else ""
        further = {
            f"artifact_version{tail}": facts.version,
            f"artifact_uri{tail}": facts.uri,
            f"artifact_digest{tail}": facts.digest,
        }
        found = _before(path) | dict(facts.named()) | further
        replace(path, json.dumps(found, indent=2, ensure_ascii=False) + "\n", "WABUCKET_OUTPUT_FILE")


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
