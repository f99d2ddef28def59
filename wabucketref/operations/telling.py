"""Telling an OpenLineage server of a run that has ended. Best effort: what is recorded stays recorded."""

import logging
from collections.abc import Sequence

from wabucketref.ci.lineage.datasets import Dataset
from wabucketref.ci.lineage.openlineage import run_events
from wabucketref.ci.lineage.send import Endpoint
from wabucketref.contracts.tracker import Tracker
from wabucketref.errors import WaBucketError
from wabucketref.model.reference import ArtifactRef
from wabucketref.model.run import RunKey
from wabucketref.settings import Settings

log = logging.getLogger(__name__)


def tell(settings: Settings, tracker: Tracker, key: RunKey, bucket: str) -> None:
    """Send the events of a recorded run to the server of the settings. Never raises."""
    if settings.openlineage_url is None or not tracker.capabilities.queries:
        return
    secret = settings.openlineage_api_key
    endpoint = Endpoint(
        settings.openlineage_url, settings.openlineage_endpoint, secret.get_secret_value() if secret else None
    )
    try:
        run = tracker.get_run(key)
        inputs, outputs = (_found(tracker, key, bucket, references) for references in (run.inputs, run.outputs))
        endpoint.send(run_events(run, inputs, outputs, settings.openlineage_namespace))
    except WaBucketError as error:
        log.warning("run %s is recorded, but OpenLineage was not told: %s", key.run_id, error)
    except Exception as error:  # a defect here must not undo what is done
        log.warning("run %s is recorded, but OpenLineage was not told: %s", key.run_id, type(error).__name__)


def _found(tracker: Tracker, key: RunKey, bucket: str, references: Sequence[str]) -> list[Dataset]:
    found = []
    for reference in references:
        try:
            info = tracker.resolve(ArtifactRef.parse(reference), (key.entity, key.project), bucket)
        except WaBucketError:  # in another bucket, or removed meanwhile: its name is known all the same
            found.append(Dataset(reference, bucket))
        else:
            found.append(Dataset.of(info))
    return found
