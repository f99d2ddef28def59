"""What every plugin must be, whatever its kind."""

import re
from dataclasses import asdict, is_dataclass
from typing import Any

from wabucketref.conformance.results import must, same
from wabucketref.contracts.factories import API_VERSION
from wabucketref.registry.options import options_problem


def check_plugin(name: str, plugin: Any, opened: Any = None) -> None:
    """`plugin` is what the entry point `name` gives; `opened`: what it opened, if it is a factory.

    Raises:
        Broken: it was made for another API, its options cannot be used, or it declares other capabilities than what it
            opens has.
    """
    same(getattr(plugin, "api_version", None), API_VERSION, "api_version")
    must(re.fullmatch(r"[a-z][a-z0-9_.+-]*", name), f"the name {name!r} is not lower case letters, digits, - and _")
    problem = options_problem(name, plugin)
    must(problem is None, f"options: {problem}")
    declared = getattr(plugin, "capabilities", None)
    if declared is not None and opened is not None:
        must(is_dataclass(declared) and not isinstance(declared, type), "its capabilities are no object with facts")
        same(asdict(declared), asdict(opened.capabilities), "capabilities of what it opens")
