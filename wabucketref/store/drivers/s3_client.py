"""The connection to an S3 service: options from the environment, one s3fs file system (and so one client) a process.

s3fs resolves credentials, profiles, roles and proxies and owns the session; requests go straight to its client,
because its own methods retry, cache and fold errors together.
"""

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from wabucketref.errors import NotAuthorised
from wabucketref.store.drivers.http_session import aws_session_class
from wabucketref.store.drivers.loop import PerProcess, run
from wabucketref.store.drivers.pace import STALL_SECONDS, Pieces, keep_pace, read_body
from wabucketref.store.drivers.s3_errors import translate
from wabucketref.store.drivers.s3_request import OUT_OF_RANGE, S3Request, Wanted
from wabucketref.store.drivers.s3_session import AwsFiles, open_session

T = TypeVar("T")
CONNECT_SECONDS = 4.0
CONNECTIONS = 128


class S3Client:
    """Sends requests; safe for many threads, and anew in a forked child.

    `stall`: seconds without progress after which a request has failed.
    """

    def __init__(self, options: Mapping[str, Any], files: AwsFiles, stall: float = STALL_SECONDS) -> None:
        self._options = dict(options)
        self._files = files
        self._stall = stall
        self._fs = PerProcess(self._open)

    @property
    def endpoint(self) -> str | None:
        """URL of the server; None for AWS."""
        endpoint = self._options.get("endpoint_url")
        return str(endpoint) if endpoint else None

    @property
    def binds_bodies(self) -> bool:
        """By TLS, or by the SHA-256 that the signature has over plain http."""
        return True

    def call(self, request: S3Request, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Implements S3Calls."""
        if "Body" in arguments:
            arguments = {**arguments, "Body": bytes(arguments["Body"])}
        found: Mapping[str, Any] = self._run(request, lambda s3: getattr(s3, operation)(**arguments))
        return found

    def get(
        self, request: S3Request, arguments: Mapping[str, Any], wanted: Wanted
    ) -> tuple[bytes | None, Mapping[str, Any]]:
        """Implements S3Calls."""

        async def work(s3: Any) -> tuple[bytes | None, Mapping[str, Any]]:
            try:
                answer = await s3.get_object(**arguments)
            except s3.exceptions.ClientError as error:
                if error.response.get("Error", {}).get("Code") in ("InvalidRange", "416"):
                    return b"", {OUT_OF_RANGE: True}
                raise
            async with answer["Body"] as body:
                limit = wanted(answer)
                return None if limit is None else await read_body(body.read, limit), answer

        return self._run(request, work)

    def _run(self, request: S3Request, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        """Run ``work(client)``, `client` being aiobotocore's, and wait.

        It may run twice: when the store says that the credentials have expired, their provider is asked again.

        Raises:
            WaBucketError: by :meth:`AwsFiles.explain` and :func:`translate`.
        """
        fs = self._ready(request)
        try:
            return self._call(fs, request, work)
        except NotAuthorised as error:
            if not error.expired:
                raise
        self._fs.renew(fs)
        return self._call(self._ready(request), request, work)

    def close(self) -> None:
        self._fs.drop()

    def _ready(self, request: S3Request) -> Any:
        try:
            return self._fs.get()
        except Exception as error:
            raise self._translated(error, request) from error

    def _call(self, fs: Any, request: S3Request, work: Callable[[Any], Coroutine[Any, Any, T]]) -> T:
        try:
            client = fs.s3
            return run(keep_pace(lambda: work(client), self._stall))
        except Exception as error:
            raise self._translated(error, request) from error

    def _translated(self, error: Exception, request: S3Request) -> Exception:
        return self._files.explain(error) or translate(error, request, self.endpoint)

    def _open(self) -> Any:
        import s3fs
        from botocore.handlers import add_expect_header

        if "key" not in self._options:
            self._files.check()
        options = {name: value for name, value in self._options.items() if name != "profile"}
        times = {"connect_timeout": min(CONNECT_SECONDS, self._stall), "read_timeout": self._stall}
        options["config_kwargs"] = {**options["config_kwargs"], **times, "http_session_cls": aws_session_class()}
        session = open_session(self._files, self._options.get("profile"))
        fs = s3fs.S3FileSystem(session=session, **options, skip_instance_cache=True, use_listings_cache=False)
        events = run(fs.set_session()).meta.events
        # A server that never says "100 Continue" would be waited for without end: no timeout counts there.
        events.unregister("before-call.s3", add_expect_header)
        events.register("before-send.s3", _in_pieces)
        events.register("before-call.s3.HeadBucket", _stay)
        return fs


def _in_pieces(request: Any, **_: Any) -> None:
    """Called before each request is sent, when it is signed."""
    if isinstance(request.body, bytes) and request.body:
        request.body = Pieces(request.body)


def _stay(params: Any, **_: Any) -> None:
    """Called before the AWS library asks where a bucket is, after a redirect: it would follow redirects there, too."""
    params["context"].get("s3_redirect", {})["redirected"] = True


def options_from(environ: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of ``s3fs.S3FileSystem`` out of the AWS tools' variables."""
    endpoint = endpoint_from(environ)
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ("us-east-1" if endpoint else None)
    anonymous = is_anonymous(environ)
    keys: Mapping[str, str] = {} if anonymous else environ
    options: dict[str, Any] = {
        "anon": anonymous or None,
        "key": keys.get("AWS_ACCESS_KEY_ID") or None,
        "secret": keys.get("AWS_SECRET_ACCESS_KEY") or None,
        "token": keys.get("AWS_SESSION_TOKEN") or None,
        "endpoint_url": endpoint,
        "client_kwargs": {"region_name": region} if region else {},
        "config_kwargs": _config(endpoint),
    }
    profile = environ.get("AWS_PROFILE")
    if profile and not options["key"]:
        options["profile"] = profile
    return {name: value for name, value in options.items() if value is not None}


def is_anonymous(environ: Mapping[str, str]) -> bool:
    """Whether requests shall not be signed, whatever credentials there are: for public buckets."""
    return environ.get("AWS_SKIP_SIGNATURE", "").lower() in ("1", "true", "yes")


def endpoint_from(environ: Mapping[str, str]) -> str | None:
    """The endpoint of a server that is not AWS, when one is set."""
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return None
    return environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or None


def _config(endpoint: str | None) -> dict[str, Any]:
    s3: dict[str, Any] = {"addressing_style": "path"} if endpoint else {}
    if endpoint is None or endpoint.startswith("https"):
        # TLS and Content-MD5 guard the bytes already; over plain http the signature has their SHA-256.
        s3["payload_signing_enabled"] = False
    return {
        "s3": s3,
        "retries": {"total_max_attempts": 1, "mode": "standard"},
        "max_pool_connections": CONNECTIONS,
        "parameter_validation": False,
        # Many servers know no checksum trailers.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
    }
