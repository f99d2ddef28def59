"""``s3://`` on the native plane: the same requests as the other driver's, over connections of our own."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, TypeVar

from wabucketref.contracts.storage import Sink
from wabucketref.errors import NotAuthorised, WaBucketError
from wabucketref.store.disk.intofile import IntoFile
from wabucketref.store.drivers.http_session import is_here
from wabucketref.store.drivers.loop import PerProcess
from wabucketref.store.drivers.s3_client import endpoint_from
from wabucketref.store.drivers.s3_errors import answered, translate
from wabucketref.store.drivers.s3_request import OUT_OF_RANGE, S3Request, Wanted
from wabucketref.store.drivers.s3_session import AwsFiles
from wabucketref.store.drivers.urls import BucketUrl
from wabucketref.store.native.aws_config import S3Place, files_matter, place_of
from wabucketref.store.native.aws_keys import AwsKeys
from wabucketref.store.native.failures import ERRORS, Failures
from wabucketref.store.native.heads import Head
from wabucketref.store.native.http import Origin, Pool, Proxies, SinkRaised, Unfit, fields, guarded, origin_of, trust_of
from wabucketref.store.native.s3_operations import CRC32C_HEADER, Asked, asked, document, encoded, error_of, facts_of
from wabucketref.store.native.sigv4 import EMPTY, UNSIGNED, Keys, Signer
from wabucketref.store.native.splicing import can_splice, splice
from wabucketref.store.native.wire import Connection
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


class Line:
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
        self.leaves = _leaves(self.pool.origin)


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

    @property
    def binds_bodies(self) -> bool:
        """By TLS, or as nothing leaves this machine."""
        endpoint = self.endpoint
        return endpoint is None or not _leaves(origin_of(endpoint, Proxies()))

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
            return self._facts(head, connection.body(head, _CONTROL), operation, request)

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

    def pour(
        self, request: S3Request, arguments: Mapping[str, Any], wanted: Wanted, sink: Sink, file: IntoFile | None = None
    ) -> Mapping[str, Any]:
        """As :meth:`get`, with the bytes handed to `sink`; the facts have `UNWANTED` when none were.

        `file`: what `sink` writes to, if that is all it does.
        """

        def read(connection: Connection, head: Head) -> Mapping[str, Any]:
            if head.status == 416:
                connection.body(head, _ERROR)
                return {OUT_OF_RANGE: True}
            facts = facts_of(head)
            limit = wanted(facts)
            if limit is None or (head.length or 0) > limit:
                connection.lasting = False
                return {**facts, UNWANTED: True}
            if file is not None and can_splice(connection, head):
                splice(connection, head, file)
            else:
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
        except (_Elsewhere, NotAuthorised) as error:
            self._turn(line, keys, error, request)
        line, keys = self._ready(request)
        return self._once(line, keys, request, one, read)

    def _turn(self, line: Line, keys: Keys, error: Exception, request: S3Request) -> None:
        """Be ready to ask once more, elsewhere or with new credentials; else raise `error`."""
        if isinstance(error, _Elsewhere):
            self._move(line, str(error))
        elif isinstance(error, NotAuthorised) and error.expired:
            try:
                self._keys.renew(keys)
            except Exception as renewing:
                raise self._explained(renewing, request) from renewing
        else:
            raise error

    def _once(self, line: Line, keys: Keys, request: S3Request, one: Asked, read: Callable[[Connection, Head], T]) -> T:
        def judge(connection: Connection, head: Head) -> T | WaBucketError:
            if head.status < 300 or (head.status == 416 and one.method == "GET"):
                return read(connection, head)
            body = b"" if one.method == "HEAD" else connection.body(head, _ERROR)
            refusal = self._refusal(line, request, head, body)
            if isinstance(refusal, WaBucketError) and head.status in _ANSWERS and not one.body:
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

    def _facts(self, head: Head, body: bytes | None, operation: str, request: S3Request) -> Mapping[str, Any]:
        """What a good answer says in its headers, and in its body where that is a document; which may be an error."""
        found = document(operation, body or b"")
        if "Error" in found:
            raise answered(error_of(head, body or b"", inside=True), request, self.endpoint)
        return {**facts_of(head), **found}

    def _refusal(self, line: Line, request: S3Request, head: Head, body: bytes | None) -> Exception:
        """The error that an answer says."""
        response = error_of(head, body or b"")
        region = head.headers.get("x-amz-bucket-region") or response["Error"].get("Region")
        if head.status in (301, 307, 400) and region and line.place.elsewhere(region):
            return _Elsewhere(region)
        return answered(response, request, self.endpoint)

    def _signed(self, line: Line, one: Asked, keys: Keys) -> bytes:
        """The head of the request, signed when it is sent: what waited before may have grown too old."""
        path = line.place.root + ("/" if one.key is None else f"/{encoded(one.key)}")
        payload = UNSIGNED
        bound = "content-md5" in one.headers or (CRC32C_HEADER in one.headers and not line.leaves)
        if line.signs_bodies and not bound:  # the header of MD5 is signed, and binds the body as well
            payload = hashlib.sha256(one.body).hexdigest() if one.body else EMPTY
        headers = line.signer.sign(keys, one.method, path, one.query, {"host": line.host, **one.headers}, payload)
        return (
            f"{one.method} {line.in_front}{path}{'?' if one.query else ''}{one.query} HTTP/1.1\r\n"
            f"{fields(headers)}{line.further}\r\n"
        ).encode()

    def _ready(self, request: S3Request) -> tuple[Line, Keys]:
        try:
            return self._line.get(), self._keys.get()
        except Exception as error:
            raise self._explained(error, request) from error

    def _explained(self, error: Exception, request: S3Request) -> Exception:
        """Credentials, files and settings that are of no use."""
        if isinstance(error, WaBucketError):
            return error
        return self._files.explain(error) or translate(error, request, self.endpoint)

    def _open(self) -> Line:
        if self._place is None:
            self._settle()
        assert self._place is not None
        return Line(self._place, self._stall)

    def _move(self, line: Line, region: str) -> None:
        """Go where AWS says that the bucket is from now on."""
        self._place = line.place.elsewhere(region)
        self._line.renew(line)


def _leaves(origin: Origin) -> bool:
    """Whether what is sent leaves this machine as plain text."""
    return origin.scheme == "http" and not (origin.proxy is None and is_here(origin.host))
