"""Kits for the tests of plugins, on pytest: subclass the one of your plugin's kind and fill in its one fixture.

========================  ====================================================================
kind                      kit and fixture
========================  ====================================================================
storage                   ``StorageConformance``, ``open_store``: opens a new connection
tracker                   ``TrackerConformance``, ``open_tracker``: opens a new connection
context                   ``ContextConformance``, ``surroundings``: the context and where it detects
outputs                   ``OutputsConformance``, ``steps``: the outputs and how later steps read them
executor                  ``ExecutorConformance``, ``open_executor``: opens the executor anew
========================  ====================================================================

:func:`round_trip` uploads and downloads through the installed plugin, as a user would. Each check is in
``wabucketref.conformance``, free of pytest. What is built in runs on exactly these kits.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wabucketref.testing.command import round_trip
    from wabucketref.testing.context import ContextConformance, Surroundings
    from wabucketref.testing.executor import ExecutorConformance
    from wabucketref.testing.outputs import OutputsConformance, Steps
    from wabucketref.testing.storage import StorageConformance
    from wabucketref.testing.tracker import TrackerConformance

_HOMES = {
    "ContextConformance": "context",
    "ExecutorConformance": "executor",
    "OutputsConformance": "outputs",
    "StorageConformance": "storage",
    "Steps": "outputs",
    "Surroundings": "context",
    "TrackerConformance": "tracker",
    "round_trip": "command",
}

__all__ = [
    "ContextConformance",
    "ExecutorConformance",
    "OutputsConformance",
    "Steps",
    "StorageConformance",
    "Surroundings",
    "TrackerConformance",
    "round_trip",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'wabucketref.testing' has no attribute {name!r}")
    return getattr(import_module(f"wabucketref.testing.{_HOMES[name]}"), name)
