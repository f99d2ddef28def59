"""What OpenLineage's own schemas say of an event, its facets included."""

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from referencing import Registry, Resource

SCHEMAS = Path(__file__).parents[3] / "schemas" / "openlineage"


@cache
def registry() -> Registry:
    loaded = [json.loads(path.read_text()) for path in sorted(SCHEMAS.glob("*.json"))]
    return Registry().with_resources([(one["$id"], Resource.from_contents(one)) for one in loaded])


def validator(url: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": url}, registry=registry(), format_checker=FormatChecker())


def facets(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every facet of an event."""
    for dataset in (*event.get("inputs", ()), *event.get("outputs", ()), event.get("dataset", {})):
        for group in ("facets", "inputFacets", "outputFacets"):
            yield from dataset.get(group, {}).values()
    for part in ("run", "job"):
        yield from event.get(part, {}).get("facets", {}).values()


def check_event(event: Mapping[str, Any]) -> None:
    """Raises ValidationError."""
    validator("https://openlineage.io/spec/2-0-2/OpenLineage.json").validate(event)
    validator(event["schemaURL"]).validate(event)
    for facet in facets(event):
        validator(facet["_schemaURL"]).validate(facet)
