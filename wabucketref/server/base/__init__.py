"""The area ``base``: the server itself, users and entities."""

from typing import Final

from wabucketref.server.area import Area
from wabucketref.server.base import info, people

AREA: Final = Area(
    "base",
    {
        "Query": {"serverInfo": info.server_info, "viewer": people.viewer, "entity": people.entity},
        "Mutation": {"generateApiKey": people.generate_api_key, "deleteApiKey": people.delete_api_key},
    },
)
