"""WaBucketRef: artifact storage for machine-learning teams.

Bytes go to the team's own bucket at ``<bucket>/<type>/<name>/<alias>/…``; runs and lineage go to an experiment
tracker. The public names are loaded on first use, so that ``import wabucketref`` costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wabucketref.version import __version__

if TYPE_CHECKING:
    from wabucketref.api import WaBucketRefAPI
    from wabucketref.errors import (
        AlreadyExists,
        Conflict,
        IntegrityError,
        InvalidValue,
        NotAuthorised,
        NotFound,
        SettingsError,
        TimedOut,
        TrackingPending,
        TransientError,
        Unsupported,
        UpgradeRequired,
        UsageError,
        WaBucketError,
    )
    from wabucketref.model.audit import VerifyAllResult
    from wabucketref.model.reference import ArtifactRef
    from wabucketref.model.result import DownloadResult, UploadResult, VerifyResult
    from wabucketref.service.ticket import Ticket

__all__ = [
    "AlreadyExists",
    "ArtifactRef",
    "Conflict",
    "DownloadResult",
    "IntegrityError",
    "InvalidValue",
    "NotAuthorised",
    "NotFound",
    "SettingsError",
    "Ticket",
    "TimedOut",
    "TrackingPending",
    "TransientError",
    "Unsupported",
    "UpgradeRequired",
    "UploadResult",
    "UsageError",
    "VerifyAllResult",
    "VerifyResult",
    "WaBucketError",
    "WaBucketRefAPI",
    "__version__",
]


_HOMES = {
    "ArtifactRef": "wabucketref.model.reference",
    "DownloadResult": "wabucketref.model.result",
    "Ticket": "wabucketref.service.ticket",
    "UploadResult": "wabucketref.model.result",
    "VerifyAllResult": "wabucketref.model.audit",
    "VerifyResult": "wabucketref.model.result",
    "WaBucketRefAPI": "wabucketref.api",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'wabucketref' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "wabucketref.errors")), name)
    globals()[name] = value
    return value
