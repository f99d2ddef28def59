"""Lineage in the languages of other tools, as JSON in ASCII."""

import json
from collections.abc import Iterable

from wabucketref.ci.lineage.openlineage import lineage_events
from wabucketref.ci.lineage.prov import prov_document
from wabucketref.model.finite import finite
from wabucketref.model.run import Lineage


def openlineage(lineage: Lineage, namespace: str | None) -> Iterable[str]:
    """A list of events; each of them is what an OpenLineage server takes in one request."""
    return [json.dumps(finite(lineage_events(lineage, namespace)), indent=2, allow_nan=False)]


def prov(lineage: Lineage) -> Iterable[str]:
    """One document."""
    return [json.dumps(finite(prov_document(lineage)), indent=2, allow_nan=False)]
