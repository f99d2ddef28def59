"""``az://`` by Azure's SDK: its connections, proxies and credentials, requests of our own on top.

Its methods fold requests together and hide what was answered, so only the pipeline beneath them is used: it signs a
request and sends it, without retries and without redirects.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

import requests
from azure.core.pipeline.transport import HttpRequest, RequestsTransport
from azure.storage.blob import ContainerClient, ExponentialRetry
from requests.adapters import HTTPAdapter

from wabucketref.errors import WaBucketError
from wabucketref.plugin import PerProcess, Sink
from wabucketref.plugin.http import Answer, Call
from wabucketref_azure.access import Access
from wabucketref_azure.failures import AzureRequest, Failures
from wabucketref_azure.foreign import mapped

_CONNECTIONS = 256
_CONNECT_SECONDS = 20.0
_PIECE = 256 << 10


class SdkClient:
    """Implements AzureClient. `stall`: seconds without a byte after which a request has failed."""

    def __init__(self, access: Access, stall: float) -> None:
        self._access = access
        self._stall = stall
        self._says = Failures(access.endpoint, access.secrets())
        self._container: PerProcess[ContainerClient] = PerProcess(self._open)

    def send(self, call: Call) -> Answer:
        with mapped(_request(call), self._says):
            response = self._answered(call)
            if int(response.headers.get("content-length") or 0) > call.limit and call.method != "HEAD":
                response.internal_response.close()
                body = b""
            else:
                body = b"".join(self._pieces(response))
            return Answer(call.asked, response.status_code, str(response.reason), _lower(response.headers), body)

    def pour(self, call: Call, start: int, sink: Sink) -> int:
        count = 0
        with mapped(_request(call), self._says):
            response = self._answered(call)
            if response.status_code == 416:
                return 0
            self._check_range(call, start, response)
            for piece in self._pieces(response):
                sink(memoryview(piece))
                count += len(piece)
        return count

    def close(self) -> None:
        self._container.drop()

    def _pieces(self, response: Any) -> Iterator[bytes]:
        """The body as it is stored, though that be packed."""
        return iter(response.stream_download(self._container.get()._pipeline, decompress=False))

    def _answered(self, call: Call) -> Any:
        """The SDK's answer, whose body is still to come."""
        server = "/".join(self._access.endpoint.split("/")[:3])
        url = f"{server}{call.path}{'?' if call.query else ''}{call.query}"
        request = HttpRequest(call.method, url, {**call.headers, "accept-encoding": "identity"})
        if call.body or call.method == "PUT":
            request.set_bytes_body(bytes(call.body))
        response = self._container.get()._pipeline.run(request, stream=True).http_response
        if not (200 <= response.status_code < 300 or response.status_code in call.also):
            raise self._refusal(call, response)
        return response

    def _refusal(self, call: Call, response: Any) -> WaBucketError:
        deque(self._pieces(response), maxlen=0)  # so that the connection can be used again
        headers = _lower(response.headers)
        return self._says.answered(_request(call), response.status_code, str(response.reason), headers)

    def _check_range(self, call: Call, start: int, response: Any) -> None:
        begins = str(response.headers.get("content-range", "")).startswith(f"bytes {start}-")
        length = int(response.headers.get("content-length") or 0)
        if not (begins or (response.status_code == 200 and start == 0)) or length > call.limit:
            response.internal_response.close()
            raise call.asked.failed(f"{call.asked.what}: the store did not send the range asked for")

    def _open(self) -> ContainerClient:
        session = requests.Session()
        for scheme in ("https://", "http://"):
            session.mount(scheme, HTTPAdapter(pool_connections=4, pool_maxsize=_CONNECTIONS))
        options: dict[str, Any] = {
            "transport": RequestsTransport(
                session=session,
                connection_timeout=_CONNECT_SECONDS,
                read_timeout=self._stall,
                connection_data_block_size=_PIECE,
            ),
            "retry_policy": ExponentialRetry(retry_total=0),  # retries are made in one place, above
            "permit_redirects": False,
        }
        # No request is made of this container's name: all requests are made of paths.
        return ContainerClient(self._access.endpoint, "container", credential=self._access.credential(), **options)


def _request(call: Call) -> AzureRequest:
    assert isinstance(call.asked, AzureRequest)
    return call.asked


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in headers.items()}
