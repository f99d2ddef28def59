"""The SDK's client of one container: connections for many threads, no retries, no redirects."""

from typing import Any

import requests
from azure.core.pipeline.transport import RequestsTransport
from azure.storage.blob import ContainerClient, ExponentialRetry
from requests.adapters import HTTPAdapter

from wabucketref_azure.access import Access

_CONNECTIONS = 256
_CONNECT_SECONDS = 20.0
PIECE_BYTES = 4 << 20
"""Of what is read in pieces."""
SINGLE_PUT_BYTES = 256 << 20
"""Up to here an object is put by one request."""


def container(access: Access, name: str, stall: float) -> ContainerClient:
    """Nothing is asked yet. `stall`: seconds without a byte after which a request has failed."""
    session = requests.Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=_CONNECTIONS))
    options: dict[str, Any] = {
        "transport": RequestsTransport(session=session, connection_timeout=_CONNECT_SECONDS, read_timeout=stall),
        "retry_policy": ExponentialRetry(retry_total=0),  # retries are made in one place, above
        "permit_redirects": False,
        "max_single_put_size": SINGLE_PUT_BYTES,
        "max_block_size": SINGLE_PUT_BYTES,
        "max_single_get_size": PIECE_BYTES,
        "max_chunk_get_size": PIECE_BYTES,
    }
    return ContainerClient(access.endpoint, name, credential=access.credential(), **options)
