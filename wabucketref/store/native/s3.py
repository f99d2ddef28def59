"""``s3://`` on the native plane: the same requests as the other driver's, over connections of our own."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from wabucketref.contracts.storage import Sink
from wabucketref.errors import NotAuthorised, WaBucketError
from wabucketref.store.drivers.loop import PerProcess
from wabucketref.store.drivers.s3 import S3Storage
from wabucketref.store.drivers.s3_client import endpoint_from
from wabucketref.store.drivers.s3_errors import answered, translate
from wabucketref.store.drivers.s3_objects import begins_at
from wabucketref.store.drivers.s3_request import OUT_OF_RANGE, S3Request, Wanted
from wabucketref.store.drivers.s3_session import AwsFiles
from wabucketref.store.drivers.urls import BucketUrl
from wabucketref.store.native.aws_config import S3Place, files_matter, place_of
from wabucketref.store.native.aws_keys import AwsKeys
from wabucketref.store.native.failures import ERRORS, Failures
from wabucketref.store.native.http import Pool, Proxies, SinkRaised, Unfit, fields, guarded, origin_of, trust_of
from wabucketref.store.native.s3_operations import Asked, asked, document, encoded, error_of, facts_of
from wabucketref.store.native.sigv4 import EMPTY, UNSIGNED, Keys, Signer
from wabucketref.store.native.wire import Connection, Head
from wabucketref.version import __version__

T = TypeVar("T")
_log = logging.getLogger(__name__)
UNWANTED: Final = "Unwanted"
_CONTROL: Final = 16 << 20
"""Bytes of an answer that is a document, at most."""
_ERROR: Final = 256 << 10
_ANSWERS: Final = (404, 412)
"""Refusals that say what is there, on which the connection goes on: all of such a request was read by the server."""
_TRUST: Final = "check that the endpoint speaks TLS (https) and that its certificate is trusted (AWS_CA_BUNDLE)"


class _Elsewhere(Exception):
    """The bucket is in this region."""


class _Line:
    """Where requests go: a place, connections to it, and the signature that it takes."""

    def __init__(self, place: S3Place, stall: float) -> None:
        self.place = place
        self.pool = Pool(origin_of(place.server, Proxies()), partial(trust_of, place.bundle), stall)
        self.signer = Signer(place.region)
        self.host = self.pool.origin.netloc
        self.in_front = self.pool.origin.in_front
        self.further = (
            self.pool.origin.further + f"user-agent: wabucketref/{__version__}\r\naccept-encoding: identity\r\n"
        )
        """Headers that are not signed."""
        self.failures = Failures(place.server, "AWS_ENDPOINT_URL", _TRUST)
        self.signs_bodies = self.pool.origin.scheme == "http"
        """Over TLS nobody can change them."""


class NativeS3:
    """Implements S3Calls with connections of our own."""

    def __init__(self, address: BucketUrl, environ: Mapping[str, str], stall: float) -> None:
        self._address = address
        self._environ = environ
        self._stall = stall
        self._files = AwsFiles.of(environ)
        self._keys = AwsKeys(environ, self._files)
        self._place: S3Place | None = None
        self._line = PerProcess(self._open)

    @property
    def endpoint(self) -> str | None:
        """URL of the server; None for AWS."""
        return self._place.endpoint if self._place else endpoint_from(self._environ)

    def look_ahead(self) -> None:
        """Find out where the bucket is, as far as that can be told without asking anybody.

        Raises:
            Unfit: that needs the other plane.
        """
        try:
            self._settle()
        except Unfit:
            raise
        except Exception as error:  # the first request will tell
            _log.debug("where %s is cannot be told yet: %s", self._address, error)

    def _settle(self) -> None:
        session = self._keys.session if files_matter(self._environ, self._files) else None
        place = place_of(self._address, self._environ, session)
        origin_of(place.server, Proxies())
        self._place = place

    def call(self, request: S3Request, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Implements S3Calls."""

        def read(connection: Connection, head: Head) -> Mapping[str, Any]:
            body = connection.body(head, _CONTROL) or b""
            found = document(operation, body)
            if "Error" in found:
                raise answered(error_of(head, body, inside=True), request, self.endpoint)
            return {**facts_of(head), **found}

        return self._carry_out(request, asked(operation, arguments), read)

    def get(
        self, request: S3Request, arguments: Mapping[str, Any], wanted: Wanted
    ) -> tuple[bytes | None, Mapping[str, Any]]:
        """Implements S3Calls."""

        def read(connection: Connection, head: Head) -> tuple[bytes | None, Mapping[str, Any]]:
            if head.status == 416:
                connection.body(head, _ERROR)
                return b"", {OUT_OF_RANGE: True}
            facts = facts_of(head)
            limit = wanted(facts)
            if limit is None:
                connection.lasting = False
                return None, facts
            return connection.body(head, limit), facts

        return self._carry_out(request, asked("get_object", arguments), read)

    def pour(self, request: S3Request, arguments: Mapping[str, Any], wanted: Wanted, sink: Sink) -> Mapping[str, Any]:
        """As :meth:`get`, with the bytes handed to `sink`; the facts have `UNWANTED` when none were."""

        def read(connection: Connection, head: Head) -> Mapping[str, Any]:
            if head.status == 416:
                connection.body(head, _ERROR)
                return {OUT_OF_RANGE: True}
            facts = facts_of(head)
            limit = wanted(facts)
            if limit is None or (head.length or 0) > limit:
                connection.lasting = False
                return {**facts, UNWANTED: True}
            connection.pour(head, guarded(sink))
            return facts

        try:
            return self._carry_out(request, asked("get_object", arguments), read)
        except SinkRaised as raised:
            raise raised.error from None

    def close(self) -> None:
        self._line.drop()

    def _carry_out(self, request: S3Request, one: Asked, read: Callable[[Connection, Head], T]) -> T:
        line, keys = self._ready(request)
        try:
            return self._once(line, keys, request, one, read)
        except _Elsewhere as error:
            self._move(line, str(error))
        except NotAuthorised as error:
            if not error.expired:
                raise
            self._keys.renew(keys)
        line, keys = self._ready(request)
        return self._once(line, keys, request, one, read)

    def _once(
        self, line: _Line, keys: Keys, request: S3Request, one: Asked, read: Callable[[Connection, Head], T]
    ) -> T:
        def judge(connection: Connection, head: Head) -> T | WaBucketError:
            if head.status < 300 or (head.status == 416 and one.method == "GET"):
                return read(connection, head)
            body = b"" if one.method == "HEAD" else connection.body(head, _ERROR) or b""
            response = error_of(head, body)
            region = head.headers.get("x-amz-bucket-region") or response["Error"].get("Region")
            if head.status in (301, 307, 400) and region and line.place.elsewhere(region):
                raise _Elsewhere(region)
            refusal = answered(response, request, self.endpoint)
            if head.status in _ANSWERS and not one.body:
                return refusal
            raise refusal

        head = self._signed(line, one, keys)
        try:
            found = line.pool.exchange(head, one.body, judge, bodiless=one.method == "HEAD")
        except WaBucketError:
            raise
        except ERRORS as error:
            raise line.failures.of(error, request) from error
        if isinstance(found, WaBucketError):
            raise found
        return found

    def _signed(self, line: _Line, one: Asked, keys: Keys) -> bytes:
        """The head of the request, signed when it is sent: what waited before may have grown too old."""
        path = line.place.root + ("/" if one.key is None else f"/{encoded(one.key)}")
        payload = UNSIGNED
        if line.signs_bodies and "content-md5" not in one.headers:  # which is signed, and binds the body as well
            payload = hashlib.sha256(one.body).hexdigest() if one.body else EMPTY
        headers = line.signer.sign(keys, one.method, path, one.query, {"host": line.host, **one.headers}, payload)
        return (
            f"{one.method} {line.in_front}{path}{'?' if one.query else ''}{one.query} HTTP/1.1\r\n"
            f"{fields(headers)}{line.further}\r\n"
        ).encode()

    def _ready(self, request: S3Request) -> tuple[_Line, Keys]:
        try:
            return self._line.get(), self._keys.get()
        except Exception as error:
            raise self._explained(error, request) from error

    def _explained(self, error: Exception, request: S3Request) -> Exception:
        """Credentials, files and settings that are of no use."""
        if isinstance(error, WaBucketError):
            return error
        return self._files.explain(error) or translate(error, request, self.endpoint)

    def _open(self) -> _Line:
        if self._place is None:
            self._settle()
        assert self._place is not None
        return _Line(self._place, self._stall)

    def _move(self, line: _Line, region: str) -> None:
        """Go where AWS says that the bucket is from now on."""
        self._place = line.place.elsewhere(region)
        self._line.renew(line)


class NativeS3Storage(S3Storage):
    """As the other plane's, and ranges come as they are read."""

    plane = "native"

    def __init__(self, address: BucketUrl, client: NativeS3) -> None:
        super().__init__(address, client)
        self._native = client

    def read_to(self, key: str, start: int, length: int, sink: Sink) -> int:
        if length <= 0:
            return 0
        count, wanted = 0, f"bytes={start}-{start + length - 1}"

        def take(piece: memoryview) -> None:
            nonlocal count
            if count + len(piece) > length:
                raise self.other_range(key, wanted, {})
            sink(piece)
            count += len(piece)

        facts = self._native.pour(
            self.request(key),
            {**self.names(key), "Range": wanted},
            lambda facts: length if begins_at(facts, start) else None,
            take,
        )
        if OUT_OF_RANGE in facts:
            return 0
        if UNWANTED in facts:
            raise self.other_range(key, wanted, facts)
        return count
