"""``s3://``: Amazon S3 and whatever speaks its protocol."""

from collections.abc import Callable, Iterator, Mapping, Sequence

from wabucketref.contracts.factories import API_VERSION
from wabucketref.contracts.storage import Capabilities, ObjectInfo, Part, UnfinishedWrite
from wabucketref.store.drivers.http_session import tell_plain_http
from wabucketref.store.drivers.pace import stall_seconds
from wabucketref.store.drivers.s3_client import S3Client, options_from
from wabucketref.store.drivers.s3_copy import Copies
from wabucketref.store.drivers.s3_multipart import S3Multipart, S3Uploads
from wabucketref.store.drivers.s3_request import S3Calls
from wabucketref.store.drivers.s3_session import AwsFiles
from wabucketref.store.drivers.s3_stream import put_stream
from wabucketref.store.drivers.urls import BucketUrl, parse_bucket_url

CAPABILITIES = Capabilities(
    create_if_absent=True,
    replace_if_match=True,
    server_side_copy=True,
    multipart=True,
    resumable=True,
    lists_unfinished=True,
)
"""Of the protocol."""


class S3Storage(S3Uploads):
    """One bucket, or a prefix of it.

    Its capabilities are those of the protocol. Servers exist that accept a condition and ignore it, so wiring puts
    ``probe.settle`` around it.
    """

    plane = "fsspec"

    def __init__(self, address: BucketUrl, client: S3Calls) -> None:
        super().__init__(address, client)
        self._copies = Copies(self)

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    def put_stream(self, key: str, chunks: Iterator[bytes], size: int, *, if_absent: bool = False) -> ObjectInfo:
        return put_stream(self, key, chunks, size, if_absent=if_absent)

    def start_multipart(self, key: str, part_bytes: int, *, if_absent: bool = False) -> S3Multipart:
        return S3Multipart(self, key, self.begin_upload(key), if_absent=if_absent)

    def resume_multipart(
        self, key: str, upload_id: str, part_bytes: int, parts: Sequence[Part], *, if_absent: bool = False
    ) -> S3Multipart:
        return S3Multipart(self, key, self.look_at_upload(key, upload_id), parts, if_absent=if_absent)

    def abort_multipart(self, key: str, upload_id: str) -> None:
        self.drop_upload(key, upload_id)

    def copy(self, source: str, key: str, *, if_absent: bool = False, seen: ObjectInfo | None = None) -> ObjectInfo:
        return self._copies.copy(source, key, if_absent=if_absent, seen=seen)

    @property
    def copy_trials(self) -> Mapping[str, Callable[[ObjectInfo], bool]]:
        """Implements ``trials.Copying``."""
        return self._copies.trials

    def learn_copies(self, found: Mapping[str, bool]) -> None:
        """Implements ``trials.Copying``."""
        self._copies.learn(found)

    def unfinished(self, prefix: str) -> Iterator[UnfinishedWrite]:
        return self.list_uploads(prefix)

    def discard(self, write: UnfinishedWrite) -> None:
        self.drop_upload(write.key, write.upload_id)

    def flush(self) -> None:
        """Every write is durable once answered."""

    def close(self) -> None:
        self._client.close()


class S3Factory:
    """Opens ``s3://BUCKET[/PREFIX]`` with the AWS tools' credentials, region and ``AWS_ENDPOINT_URL[_S3]``."""

    api_version = API_VERSION
    capabilities = CAPABILITIES

    def open(self, url: str, environ: Mapping[str, str]) -> S3Storage:
        address = parse_bucket_url(url, "s3")
        client = S3Client(options_from(environ), AwsFiles.of(environ), stall_seconds(environ))
        tell_plain_http(str(address), client.endpoint)
        return S3Storage(address, client)


FACTORY = S3Factory()
