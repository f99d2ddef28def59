"""``gs://`` on the native plane: the same requests as the other driver's, over connections of our own."""

from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from typing import Any, Final, TypeVar
from urllib.parse import urlencode, urlsplit

from wabucketref.contracts.storage import Sink
from wabucketref.errors import NotAuthorised, WaBucketError
from wabucketref.store.drivers.gcs_client import Answer, Call, GcsClient
from wabucketref.store.drivers.gcs_errors import GcsRequest, answered, no_credentials
from wabucketref.store.drivers.loop import PerProcess
from wabucketref.store.native import calls, client
from wabucketref.store.native.failures import Asked
from wabucketref.store.native.google_keys import GoogleKeys
from wabucketref.store.native.width import Width

T = TypeVar("T")
GOOGLE: Final = "https://storage.googleapis.com"


class NativeGcs(GcsClient):
    """As the other plane's client, with connections of our own and credentials by google-auth alone."""

    def __init__(self, emulator: str | None, *, stall: float) -> None:
        super().__init__(emulator, None, stall)
        self._client = _Google(emulator, stall)

    def look_ahead(self) -> None:
        """Raises Unfit: the other plane is needed."""
        self._client.look_ahead()

    def send_call(self, call: Call) -> Answer:
        return _answer(self._client.send(_plain(call)))

    def pour(self, call: Call, start: int, sink: Sink) -> int:
        """As ``client.Client.pour``."""
        return self._client.pour(_plain(call), start, sink)

    def many(
        self, todo: Iterator[T], call_for: Callable[[T], Call], width: Width, check: Callable[[], None]
    ) -> Generator[tuple[T, Answer | WaBucketError]]:
        """As ``client.Client.many``."""
        with closing(self._client.many(todo, lambda one: _plain(call_for(one)), width, check)) as answers:
            for one, answer in answers:
                yield one, answer if isinstance(answer, WaBucketError) else _answer(answer)

    def close(self) -> None:
        self._client.close()


class _Google(client.Client):
    """Knows who asks, and what refusals mean."""

    def __init__(self, emulator: str | None, stall: float) -> None:
        super().__init__(emulator or GOOGLE, setting="STORAGE_EMULATOR_HOST", stall=stall)
        self._keys = PerProcess(GoogleKeys) if emulator is None else None

    def signed(self, call: calls.Call) -> tuple[str, Mapping[str, str]]:
        if self._keys is None:
            return call.query, call.headers
        from google.auth.exceptions import GoogleAuthError

        headers = dict(call.headers)
        try:
            self._keys.get().apply(headers)
        except GoogleAuthError as error:
            raise no_credentials(error, _request(call.asked)) from error
        return call.query, headers

    def refusal(self, call: calls.Call, answer: calls.Answer) -> WaBucketError:
        error = answered(answer.status, Headers(answer.headers), answer.body, _request(call.asked), self.url)
        if isinstance(error, NotAuthorised):
            error.expired = error.expired and self._keys is not None
        return error

    def renew(self, answer: calls.Answer) -> None:
        if self._keys is not None:
            self._keys.drop()


class Headers(dict[str, str]):
    """Headers, found by names in any case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.lower(), default)

    def __contains__(self, name: object) -> bool:
        return super().__contains__(str(name).lower())


def _plain(call: Call) -> calls.Call:
    """Whatever host the URL of a session names, it is the store's that is asked."""
    parts = urlsplit(call.path)
    query = "&".join(part for part in (parts.query, urlencode(call.params)) if part)
    headers = {name.lower(): value for name, value in call.headers.items()}
    if "alt" in call.params:  # bytes come as they are stored, also those of objects that were stored packed
        headers["accept-encoding"] = "gzip"
    return calls.Call(call.request, call.method, parts.path, query, headers, call.body or b"", call.also, call.limit)


def _answer(answer: calls.Answer) -> Answer:
    return Answer(_request(answer.asked), answer.status, Headers(answer.headers), answer.body)


def _request(asked: Asked) -> GcsRequest:
    assert isinstance(asked, GcsRequest)
    return asked
