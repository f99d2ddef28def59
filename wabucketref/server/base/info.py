"""What the server tells of itself."""

from typing import Any, Final

from wabucketref.server.call import Info
from wabucketref.version import __version__

FEATURES: Final = (
    "FILESTREAM_GZIP",
    "TOTAL_COUNT_IN_FILE_CONNECTION",
    "UPDATE_RUN_STATE",
    "MARK_RUN_FILES_UPLOADED",
    "ARTIFACT_COLLECTIONS_FILTERING_SORTING",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILES",
    "ARTIFACT_COLLECTION_MEMBERSHIP_FILE_DOWNLOAD_HANDLER",
    "ARTIFACT_MEMBERSHIP_IN_LINK_ARTIFACT_RESPONSE",
    "ARTIFACT_TAGS",
    "ARTIFACT_V2_DOWNLOAD_HANDLER_SUPPORTS_ARTIFACT_ID",
    "CLIENT_IDS",
    "PROJECT_ARTIFACT_COLLECTION_MEMBERSHIP",
    "USE_ARTIFACT_WITH_ENTITY_AND_PROJECT_INFORMATION",
)
"""Announced because they work: each makes the SDK ask something else."""

_ANY_VERSION: Final = "9999.0.0"


def server_info(source: Any, info: Info) -> dict[str, Any]:
    """The SDK remembers only an answer that has ``max_cli_version``."""
    return {
        "cli_version_info": {"max_cli_version": _ANY_VERSION, "min_cli_version": "0.28.0"},
        "latest_local_version_info": {
            "out_of_date": False,
            "latest_version_string": __version__,
            "version_on_this_instance_string": __version__,
        },
        "features": [{"name": name, "is_enabled": True} for name in FEATURES],
    }
