"""What the service's documents say, and what is none of them."""

import pytest

from wabucketref.errors import TransientError
from wabucketref.plugin import parse_bucket_url
from wabucketref.plugin.http import Answer
from wabucketref_azure.access import Access
from wabucketref_azure.capabilities import CAPABILITIES
from wabucketref_azure.failures import AzureRequest
from wabucketref_azure.place import AzurePlace

PLACE = AzurePlace(parse_bucket_url("az://team/a b", "az"), Access("https://x.blob.core.windows.net"), CAPABILITIES)
PAGE = """\ufeff<?xml version="1.0" encoding="utf-8"?>
<EnumerationResults ServiceEndpoint="https://x.blob.core.windows.net/" ContainerName="team"><Prefix>a b/</Prefix><Blobs>
<Blob><Name>a b/ one &amp; two </Name><VersionId>2026-01-01T00:00:00.0000000Z</VersionId><Properties>
<Creation-Time>Mon, 21 Sep 2026 14:13:20 GMT</Creation-Time><Last-Modified>Mon, 21 Sep 2026 14:13:20 GMT</Last-Modified>
<Etag>0x8DC</Etag><Content-Length>12</Content-Length></Properties><OrMetadata /></Blob>
<Blob><Name Encoded="true">a b/%EF%BF%BE%25</Name><Properties><Content-Length>0</Content-Length></Properties></Blob>
</Blobs><NextMarker>2!76!more</NextMarker></EnumerationResults>"""


def answer(text: str) -> Answer:
    return Answer(AzureRequest("bucket az://team"), 200, "OK", {}, text.encode())


def test_a_page_of_a_listing() -> None:
    (one, odd), marker = PLACE.listed(answer(PAGE))
    assert (one.key, one.size, one.etag) == (" one & two ", 12, "0x8DC")
    assert (one.version, one.modified) == ("2026-01-01T00:00:00.0000000Z", 1_790_000_000.0)
    assert (odd.key, odd.size, odd.etag, odd.modified) == ("\ufffe%", 0, None, None)
    assert marker == "2!76!more"
    assert PLACE.listed(answer("<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>")) == ([], None)


def test_the_next_page_is_asked_for_by_its_marker() -> None:
    asked = PLACE.page("a b/", "2!76!m&re", uncommitted=True)
    assert asked.query == "restype=container&comp=list&prefix=a%20b%2F&marker=2%2176%21m%26re&include=uncommittedblobs"


@pytest.mark.parametrize(
    "text",
    ["", "<html>login</html", "{}", '<!DOCTYPE x [<!ENTITY a "aaaa">]><EnumerationResults>&a;</EnumerationResults>'],
)
def test_what_is_no_document_of_the_service(text: str) -> None:
    with pytest.raises(TransientError, match="bucket az://team: what was answered is not the service's"):
        PLACE.listed(answer(text))
