"""The tags that an Apolo job was started with, by ``apolo-sdk``. The SDK is imported only when it is asked."""

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_PASSED: Final = ("APOLO_PASSED_CONFIG", "NEURO_PASSED_CONFIG")
_PLACES: Final = {"APOLO_CONFIG": "~/.apolo", "NEUROMATION_CONFIG": "~/.neuro"}


def configured(environ: Mapping[str, str]) -> bool:
    """Whether the SDK is installed and somebody logged in, or the job got a configuration; nothing is imported."""
    if not any(environ.get(name) for name in _PASSED) and not any(_has_login(environ, name) for name in _PLACES):
        return False
    return importlib.util.find_spec("apolo_sdk") is not None


def fetch_tags(job_id: str) -> Sequence[str]:
    """The tags of the job. Blocks; raises whatever the SDK does."""
    import asyncio  # loaded on the platform alone

    return asyncio.run(_fetch(job_id))


async def _fetch(job_id: str) -> Sequence[str]:
    import apolo_sdk

    client: Any
    async with apolo_sdk.get() as client:
        job = await client.jobs.status(job_id)
    return tuple(str(tag) for tag in job.tags)


def _has_login(environ: Mapping[str, str], name: str) -> bool:
    place = environ.get(name) or _PLACES[name]
    try:
        return Path(place).expanduser().joinpath("db").is_file()
    except (OSError, RuntimeError):
        return False
