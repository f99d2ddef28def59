"""Named points where tests can make the program fail; free in production.

``hit("journal.synced")`` does nothing unless a test installed a hook with :func:`install` or the process was started
with ``WABUCKET_FAILPOINTS=name=action@n,…`` *and* the test package is importable. Actions: ``kill`` (SIGKILL to this
process), ``raise:ERRNO``, ``sleep:SECONDS``. ``@n`` means the n-th hit only (default 1). The name ``*`` counts hits of
any point.
"""

import os
from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def hit(name: str) -> None:
    """Pass the point `name`."""
    if _hook is not None:
        _hook(name)


def install(hook: Callable[[str], None] | None) -> None:
    """Set (or with None remove) the hook called at each point."""
    global _hook
    _hook = hook


def install_from_environment() -> None:
    """Arm the points named by ``WABUCKET_FAILPOINTS``, when the test package that interprets them is present."""
    script = os.environ.get("WABUCKET_FAILPOINTS")
    if not script:
        return
    try:
        from tests.faults.points import interpreter  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return
    install(interpreter(script))
