"""The platform's control plane: which provider a bucket has, and temporary credentials for it."""

import asyncio
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp
import apolo_sdk

from wabucketref.errors import NotAuthorised, NotFound, SettingsError, TransientError, WaBucketError
from wabucketref_apolo.plugin import ApoloOptions

_SECONDS = 60.0
_EXPIRY = ("expiration", "expire_time", "expiry")
"""How the providers call it: S3 and its like, Google, Azure."""


@dataclass(frozen=True)
class Granted:
    """Credentials for one bucket."""

    provider: str
    values: Mapping[str, str] = field(repr=False)
    expires: float | None = None
    """Seconds since the epoch; None: never."""


class Platform:
    """Asks for one bucket. Thread-safe."""

    def __init__(self, name: str, options: ApoloOptions) -> None:
        self._name = name
        self._where = {
            "cluster_name": options.cluster,
            "org_name": options.org,
            "project_name": options.project,
        }

    def grant(self) -> Granted:
        """New temporary credentials.

        Raises:
            NotFound: there is no such bucket.
            NotAuthorised: this user may not have them, or is not logged in.
            TransientError: the platform does not answer.
        """
        found: list[Granted | BaseException] = []

        def ask() -> None:
            try:
                found.append(asyncio.run(asyncio.wait_for(self._ask(), _SECONDS)))
            except BaseException as error:
                found.append(error)

        # In a thread of its own: whoever calls may be in an event loop already.
        thread = threading.Thread(target=ask, name="apolo-credentials")
        thread.start()
        thread.join()
        (outcome,) = found
        if isinstance(outcome, Granted):
            return outcome
        if isinstance(outcome, Exception):
            raise self._translated(outcome) from None  # what it says may quote a token
        raise outcome

    async def _ask(self) -> Granted:
        async with await apolo_sdk.Factory().get() as client:
            bucket = await client.buckets.get(self._name, **self._where)
            granted = await client.buckets.request_tmp_credentials(bucket.id, **self._where)
        values = {name: str(value) for name, value in granted.credentials.items() if value is not None}
        ends = next((values[name] for name in _EXPIRY if name in values), None)
        return Granted(granted.provider.value, values, _moment(ends) if ends else None)

    def _translated(self, error: Exception) -> WaBucketError:
        what = f"bucket:{self._name}"
        if isinstance(error, apolo_sdk.ResourceNotFound):
            return NotFound(f"{what}: the platform has no such bucket", hint="`apolo blob lsbucket` lists yours")
        if isinstance(error, apolo_sdk.AuthError):
            return NotAuthorised(f"{what}: the platform refuses", hint="log in anew: `apolo login`")
        if isinstance(error, apolo_sdk.ConfigError):
            return NotAuthorised(f"{what}: apolo is not configured here", hint="log in: `apolo login`")
        if isinstance(error, TimeoutError | aiohttp.ClientError | apolo_sdk.ServerNotAvailable | OSError):
            return TransientError(
                f"{what}: the platform does not answer ({type(error).__name__})",
                hint="check the network, then try again",
            )
        return SettingsError(
            f"{what}: the platform does not give credentials ({type(error).__name__})",
            hint="see what `apolo blob statbucket` says of it",
        )


def _moment(text: str) -> float:
    when = datetime.fromisoformat(text)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
