"""Plugins: found by name, loaded when used, given their options, described for people."""

from wabucketref.registry.described import Described, described
from wabucketref.registry.options import OptionInfo, configured, option_infos
from wabucketref.registry.registry import PluginProblem, Registry, Source

__all__ = [
    "Described",
    "OptionInfo",
    "PluginProblem",
    "Registry",
    "Source",
    "configured",
    "described",
    "option_infos",
]
