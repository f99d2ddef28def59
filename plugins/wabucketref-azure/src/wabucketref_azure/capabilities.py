"""What the service can do."""

from dataclasses import replace

from wabucketref.plugin import Capabilities

CAPABILITIES = Capabilities(
    create_if_absent=True,
    replace_if_match=True,
    server_side_copy=True,
    multipart=True,
    resumable=True,
    lists_unfinished=True,
    min_part_bytes=1,
    refused_characters="\\",  # the service takes it for a slash
    many=True,
)
BY_SDK = replace(CAPABILITIES, many=False)
