"""Contexts and outputs: those that there are, and those that are read where this process runs."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from wabucketref.contracts.outputs import Outputs
from wabucketref.errors import WaBucketError
from wabucketref.registry import Registry, configured
from wabucketref.settings import Settings

log = logging.getLogger(__name__)

OUTPUT_FILE: Final = "WABUCKET_OUTPUT_FILE"
FILES: Final = ("json", "properties")
"""Outputs that write :data:`OUTPUT_FILE`."""


def loaded(registry: Registry, settings: Settings) -> Sequence[Any]:
    """All that load, with their options; what does not load is named by ``doctor`` and harms nothing else."""
    found = []
    for name in registry.names():
        try:
            one = registry.get(name)
        except WaBucketError as error:
            log.info("%s", error)
        else:
            found.append(configured(name, one, settings))
    return found


def chosen_outputs(
    registry: Registry, chosen: str | None, settings: Settings, environ: Mapping[str, str], *, with_file: bool = False
) -> Sequence[Outputs]:
    """Those chosen by name (comma-separated), else those that are read where this process runs.

    `with_file`: a file was named too, so what writes it is among them.
    """
    if chosen is not None:
        names = [name.strip() for name in chosen.split(",") if name.strip()]
        if with_file and not {*names} & {*FILES}:
            names += [name for name in FILES if registry.get(name).detect(environ)]
        return [configured(name, registry.get(name), settings) for name in names]
    return [outputs for outputs in loaded(registry, settings) if _detects(outputs, environ)]


def _detects(outputs: Outputs, environ: Mapping[str, str]) -> bool:
    try:
        return outputs.detect(environ)
    except Exception as error:  # a plugin broke its promise; nobody chose it, so nothing is lost
        log.warning("outputs %r failed: %s: %s", outputs.name, type(error).__name__, error)
        return False
