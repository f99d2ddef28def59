"""The operations of S3 as requests of HTTP, and their answers, both with the names of the AWS library."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote_plus

from wabucketref.store.drivers.http_errors import http_date
from wabucketref.store.native.heads import Head
from wabucketref.store.native.sigv4 import query_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_XML_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
CRC32C_HEADER: Final = "x-amz-checksum-crc32c"
_ALGORITHM_HEADER: Final = "x-amz-checksum-algorithm"
_HEADERS: Final = {
    "ContentMD5": "content-md5",
    "ChecksumCRC32C": CRC32C_HEADER,
    "ChecksumAlgorithm": _ALGORITHM_HEADER,
    "IfNoneMatch": "if-none-match",
    "IfMatch": "if-match",
    "Range": "range",
    "CopySourceRange": "x-amz-copy-source-range",
    "CopySourceIfMatch": "x-amz-copy-source-if-match",
}
_PARAMETERS: Final = {
    "UploadId": "uploadId",
    "PartNumber": "partNumber",
    "Prefix": "prefix",
    "MaxKeys": "max-keys",
    "ContinuationToken": "continuation-token",
    "PartNumberMarker": "part-number-marker",
    "MaxUploads": "max-uploads",
    "KeyMarker": "key-marker",
    "UploadIdMarker": "upload-id-marker",
}
_COPIED: Final = re.compile(
    rb"\s*(?:<\?xml[^>]*>\s*)?<(Copy(?:Object|Part)Result)(?: [^>]*)?>"
    rb"(?:\s*<LastModified>[^<]*</LastModified>)?\s*<ETag>((?:[!-%'-;=-~]|&quot;|&#34;)*)</ETag>.*</\1>\s*",
    re.DOTALL,
)
"""How servers answer a copy, of which there may be very many: to parse it as XML takes four times as long."""
_FACTS: Final = (
    ("ETag", "etag"),
    ("ContentRange", "content-range"),
    ("VersionId", "x-amz-version-id"),
    ("ChecksumCRC32C", CRC32C_HEADER),
    ("ChecksumAlgorithm", _ALGORITHM_HEADER),
)


@dataclass(frozen=True, slots=True)
class Operation:
    """How one operation is asked."""

    method: str
    parameters: tuple[tuple[str, str], ...] = ()
    """Of each request."""
    read: "Callable[[Element], dict[str, Any]] | None" = None
    """Makes an answer of the document in the body."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request, before it is signed."""

    method: str
    key: str | None
    query: str
    headers: dict[str, str]
    body: bytes | memoryview


def asked(operation: str, arguments: Mapping[str, Any]) -> Asked:
    """The request that carries out `operation` with `arguments`."""
    how = OPERATIONS[operation]
    headers = {_HEADERS[name]: value for name, value in arguments.items() if name in _HEADERS}
    parameters = [(_PARAMETERS[name], str(value)) for name, value in arguments.items() if name in _PARAMETERS]
    query = query_of([*how.parameters, *parameters]) if parameters or how.parameters else ""
    source = arguments.get("CopySource")
    if source is not None:
        headers["x-amz-copy-source"] = f"{source['Bucket']}/{encoded(source['Key'])}"
    body = arguments.get("Body", b"")
    if "MultipartUpload" in arguments:
        body = _parts(arguments["MultipartUpload"]["Parts"])
    if body or how.method in ("PUT", "POST"):
        headers["content-length"] = str(len(body))
    return Asked(how.method, arguments.get("Key"), query, headers, body)


def encoded(key: str) -> str:
    """A key as a path, without the slash at its beginning."""
    return quote(key, safe="/-_.~")


def _parts(parts: Iterable[Mapping[str, Any]]) -> bytes:
    listed = "".join(
        "<Part>" + "".join(f"<{name}>{_escaped(str(value))}</{name}>" for name, value in part.items()) + "</Part>"
        for part in parts
    )
    return f'<CompleteMultipartUpload xmlns="{_XML_NAMESPACE}">{listed}</CompleteMultipartUpload>'.encode()


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def facts_of(head: Head) -> dict[str, Any]:
    """What the headers of an answer say of an object."""
    headers = head.headers
    facts: dict[str, Any] = {field: headers[name] for field, name in _FACTS if name in headers}
    if (length := headers.get("content-length")) is not None:
        facts["ContentLength"] = int(length)
    if (modified := http_date(headers.get("last-modified", ""))) is not None:
        facts["LastModified"] = modified
    return facts


def document(operation: str, body: bytes) -> dict[str, Any]:
    """The facts in the body of an answer; those of an ``Error`` under that name, and none if it is no document."""
    read = OPERATIONS[operation].read
    if read is None or b"<!DOCTYPE" in body:
        return {}
    if (copied := _COPIED.fullmatch(body)) is not None:
        return {copied[1].decode(): {"ETag": copied[2].decode().replace("&quot;", '"').replace("&#34;", '"')}}
    from xml.etree.ElementTree import ParseError, fromstring

    try:
        root = fromstring(body)  # noqa: S314  # without a DOCTYPE it has no entities of its own
    except ParseError:
        return {}
    if _name(root) == "Error":
        return {"Error": _fields(root)}
    return read(root)


def error_of(head: Head, body: bytes, *, inside: bool = False) -> dict[str, Any]:
    """An error in the shape that the AWS library gives it. `inside`: it came in the body of a good answer."""
    text = body.decode(errors="replace")
    found = {name: _between(text, name) for name in ("Code", "Message", "Region", "RequestId")}
    status = 500 if inside else head.status
    if not found["Code"]:
        found |= {"Code": str(status), "Message": head.reason}
    headers = head.headers
    identity = headers.get("x-amzn-requestid") or headers.get("x-amz-request-id") or found.pop("RequestId")
    return {
        "Error": {name: value for name, value in found.items() if value},
        "ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers, "RequestId": identity},
    }


def _between(text: str, name: str) -> str:
    match = re.search(rf"<{name}>([^<]{{0,2000}})</{name}>", text)
    if match is None or "&" not in match[1]:
        return "" if match is None else match[1]
    from html import unescape

    return unescape(match[1])


def _name(element: "Element") -> str:
    return element.tag.rpartition("}")[2]


def _fields(element: "Element") -> dict[str, Any]:
    """The fields of a document or of one item in it, dates in seconds. Its own name says nothing: servers differ."""
    found: dict[str, Any] = {_name(child): child.text or "" for child in element}
    for name in ("LastModified", "Initiated"):
        if name in found:
            try:
                found[name] = datetime.fromisoformat(found[name]).timestamp()
            except ValueError:
                del found[name]
    return found


def _under(name: str) -> "Callable[[Element], dict[str, Any]]":
    """All fields of the document under this name."""
    return lambda root: {name: _fields(root)}


def _list(element: str, name: str) -> "Callable[[Element], dict[str, Any]]":
    """A listing, whose items are elements of this name, and come under that."""

    def read(root: "Element") -> dict[str, Any]:
        found, items = _fields(root), [_fields(child) for child in root if _name(child) == element]
        if found.get("EncodingType") == "url":
            items = [{**item, "Key": unquote_plus(item["Key"])} for item in items]
        if "IsTruncated" in found:
            found["IsTruncated"] = found["IsTruncated"] == "true"
        return {**found, name: items}

    return read


OPERATIONS: Final[Mapping[str, Operation]] = {
    "head_object": Operation("HEAD"),
    "get_object": Operation("GET"),
    "put_object": Operation("PUT"),
    "delete_object": Operation("DELETE"),
    "list_objects_v2": Operation("GET", (("list-type", "2"), ("encoding-type", "url")), _list("Contents", "Contents")),
    "create_multipart_upload": Operation("POST", (("uploads", ""),), _fields),
    "upload_part": Operation("PUT"),
    "complete_multipart_upload": Operation("POST", (), _fields),
    "abort_multipart_upload": Operation("DELETE"),
    "list_multipart_uploads": Operation("GET", (("uploads", ""),), _list("Upload", "Uploads")),
    "list_parts": Operation("GET", (), _list("Part", "Parts")),
    "copy_object": Operation("PUT", (), _under("CopyObjectResult")),
    "upload_part_copy": Operation("PUT", (), _under("CopyPartResult")),
}
