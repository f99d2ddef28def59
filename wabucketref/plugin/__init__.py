"""What plugins are made of: the names in this module stay, whatever moves beneath.

Contracts and their facts (``Storage``, ``Capabilities``, ``ObjectInfo``, ``Facts``, ``OutputFacts`` …), the
``API_VERSION`` that every plugin declares, :class:`FsspecPlugin` for a storage on a file system of fsspec, and helpers
that drivers share. What storages over HTTP are made of is in ``wabucketref.plugin.http``. Errors are in
``wabucketref.errors``; the kits for tests are in ``wabucketref.testing``.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wabucketref.contracts.context import Context, Facts
    from wabucketref.contracts.executor import Executor, ExecutorCapabilities, ExecutorFactory
    from wabucketref.contracts.factories import API_VERSION, Configurable, StorageFactory, TrackerFactory
    from wabucketref.contracts.outputs import OutputFacts, Outputs
    from wabucketref.contracts.storage import (
        Buffer,
        Capabilities,
        Multipart,
        ObjectInfo,
        Part,
        Sink,
        Storage,
        UnfinishedWrite,
    )
    from wabucketref.contracts.tracker import Tracker, TrackerCapabilities
    from wabucketref.model.redact import redact
    from wabucketref.plugin.drivers import open_gs_with_token, open_s3
    from wabucketref.plugin.filesystem import FsspecPlugin
    from wabucketref.settings import Settings
    from wabucketref.store.drivers.chunks import blocks, read_in_steps
    from wabucketref.store.drivers.generic import GenericStorage
    from wabucketref.store.drivers.http_errors import clock_hint, retry_after, unanswered, unreachable
    from wabucketref.store.drivers.http_session import tell_plain_http
    from wabucketref.store.drivers.keys import changed, check_characters, check_key, check_prefix, check_seen
    from wabucketref.store.drivers.loop import PerProcess
    from wabucketref.store.drivers.pace import stall_seconds
    from wabucketref.store.drivers.pages import PagedListing
    from wabucketref.store.drivers.parts import in_a_row, send_parts
    from wabucketref.store.drivers.urls import BucketUrl, parse_bucket_url

_HOMES = {
    "wabucketref.contracts.context": ("Context", "Facts"),
    "wabucketref.contracts.executor": ("Executor", "ExecutorCapabilities", "ExecutorFactory"),
    "wabucketref.contracts.factories": ("API_VERSION", "Configurable", "StorageFactory", "TrackerFactory"),
    "wabucketref.contracts.outputs": ("OutputFacts", "Outputs"),
    "wabucketref.contracts.storage": (
        "Buffer", "Capabilities", "Multipart", "ObjectInfo", "Part", "Sink", "Storage", "UnfinishedWrite",
    ),
    "wabucketref.contracts.tracker": ("Tracker", "TrackerCapabilities"),
    "wabucketref.model.redact": ("redact",),
    "wabucketref.plugin.drivers": ("open_gs_with_token", "open_s3"),
    "wabucketref.plugin.filesystem": ("FsspecPlugin",),
    "wabucketref.settings": ("Settings",),
    "wabucketref.store.drivers.chunks": ("blocks", "read_in_steps"),
    "wabucketref.store.drivers.generic": ("GenericStorage",),
    "wabucketref.store.drivers.http_errors": ("clock_hint", "retry_after", "unanswered", "unreachable"),
    "wabucketref.store.drivers.http_session": ("tell_plain_http",),
    "wabucketref.store.drivers.keys": ("changed", "check_characters", "check_key", "check_prefix", "check_seen"),
    "wabucketref.store.drivers.loop": ("PerProcess",),
    "wabucketref.store.drivers.pace": ("stall_seconds",),
    "wabucketref.store.drivers.pages": ("PagedListing",),
    "wabucketref.store.drivers.parts": ("in_a_row", "send_parts"),
    "wabucketref.store.drivers.urls": ("BucketUrl", "parse_bucket_url"),
}  # fmt: skip

__all__ = [
    "API_VERSION",
    "BucketUrl",
    "Buffer",
    "Capabilities",
    "Configurable",
    "Context",
    "Executor",
    "ExecutorCapabilities",
    "ExecutorFactory",
    "Facts",
    "FsspecPlugin",
    "GenericStorage",
    "Multipart",
    "ObjectInfo",
    "OutputFacts",
    "Outputs",
    "PagedListing",
    "Part",
    "PerProcess",
    "Settings",
    "Sink",
    "Storage",
    "StorageFactory",
    "Tracker",
    "TrackerCapabilities",
    "TrackerFactory",
    "UnfinishedWrite",
    "blocks",
    "changed",
    "check_characters",
    "check_key",
    "check_prefix",
    "check_seen",
    "clock_hint",
    "in_a_row",
    "open_gs_with_token",
    "open_s3",
    "parse_bucket_url",
    "read_in_steps",
    "redact",
    "retry_after",
    "send_parts",
    "stall_seconds",
    "tell_plain_http",
    "unanswered",
    "unreachable",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(module), name)
    raise AttributeError(f"module 'wabucketref.plugin' has no attribute {name!r}")
