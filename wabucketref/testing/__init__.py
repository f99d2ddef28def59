"""Kits for the tests of plugins, on pytest: subclass the one of your plugin's kind and fill in its one fixture.

========================  ====================================================================
kind                      kit and fixture
========================  ====================================================================
storage                   ``StorageConformance``, ``open_store``: opens a new connection
tracker                   ``TrackerConformance``, ``open_tracker``: opens a new connection
context                   ``ContextConformance``, ``surroundings``: the context and where it detects
outputs                   ``OutputsConformance``, ``steps``: the outputs and how later steps read them
========================  ====================================================================

Each check is in ``wabucketref.conformance``, free of pytest. What is built in runs on exactly these kits.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wabucketref.testing.context import ContextConformance
    from wabucketref.testing.outputs import OutputsConformance
    from wabucketref.testing.storage import StorageConformance
    from wabucketref.testing.tracker import TrackerConformance

__all__ = ["ContextConformance", "OutputsConformance", "StorageConformance", "TrackerConformance"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'wabucketref.testing' has no attribute {name!r}")
    module = import_module(f"wabucketref.testing.{name.removesuffix('Conformance').lower()}")
    return getattr(module, name)
