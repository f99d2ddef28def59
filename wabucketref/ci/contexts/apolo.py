"""Apolo jobs: what the platform puts into the environment, and the job's own tags.

The tags are in ``NEURO_JOB_TAGS`` where a flow passes them on; otherwise the platform is asked, if ``apolo-sdk`` is
installed and has a configuration (``apolo login``, or a job that was started with ``--pass-config``).
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from wabucketref.ci.contexts.apolo_tags import configured, fetch_tags
from wabucketref.ci.declared import Declared
from wabucketref.contracts.context import Facts
from wabucketref.contracts.factories import API_VERSION

log = logging.getLogger(__name__)

SECONDS: Final = 5.0
"""That the platform has to answer; the upload does not wait longer for tags."""

_DECLARED: Final = Declared(
    name="apolo",
    doc="https://docs.apolo.us/",
    present=("NEURO_JOB_ID",),
    values={
        "cicd.pipeline.task.run.id": "NEURO_JOB_ID",
        "cicd.pipeline.task.name": "NEURO_JOB_NAME",
        "cicd.pipeline.actor": "NEURO_JOB_OWNER",
        "cicd.worker.name": "NEURO_JOB_CLUSTER",
        "host.name": "NEURO_JOB_INTERNAL_HOSTNAME",
    },
)


class Apolo:
    """Facts and tags (``job_id:``, ``job_name:``, ``owner:``, then the job's own) of an Apolo job."""

    name = "apolo"
    doc = _DECLARED.doc
    api_version = API_VERSION
    values = _DECLARED.values

    def __init__(self, ask: Callable[[str], Sequence[str]] = fetch_tags, seconds: float = SECONDS) -> None:
        self._ask = ask
        self._seconds = seconds

    def detect(self, environ: Mapping[str, str], directory: Path) -> Facts | None:
        facts = _DECLARED.detect(environ, directory)
        if facts is None:
            return None
        passed = environ.get("NEURO_JOB_TAGS")
        own = [tag.strip() for tag in passed.split(",")] if passed else self._asked(environ)
        return replace(facts, tags=(*facts.tags, *own))

    def _asked(self, environ: Mapping[str, str]) -> Sequence[str]:
        """The tags that the platform knows; none when it does not answer in time: the upload goes on without."""
        if not configured(environ):
            return ()
        found: list[Sequence[str]] = []
        problems: list[str] = []

        def ask() -> None:
            try:
                found.append(self._ask(environ["NEURO_JOB_ID"]))
            except (Exception, SystemExit) as error:  # another program's library may fail in any way
                problems.append(f"{type(error).__name__} in apolo-sdk")  # whose messages may hold the token

        thread = threading.Thread(target=ask, name="apolo-tags", daemon=True)
        thread.start()
        thread.join(self._seconds)
        if found:
            return found[0]
        problem = problems[0] if problems else f"no answer within {self._seconds:g} s"
        log.info("the job's own tags are not known: %s", problem)
        return ()


CONTEXT = Apolo()
