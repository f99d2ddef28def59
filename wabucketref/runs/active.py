"""The one piece of state shared by a process: which run ``wandb.run`` is.

Seen from every thread, set and reset in this module only. A stack, since several runs may be open; the newest that is
not finished is the active one. ``wandb`` itself is imported on first use only.
"""

import importlib
import sys
import threading
from typing import Any, Final

from wabucketref.errors import LocalIOError
from wabucketref.runs.run import Run

_NAMES: Final = ("run", "log", "config", "summary")

_lock = threading.RLock()
_open: list[Run] = []
_before: dict[str, Any] = {}


def activate(run: Run) -> None:
    """Make `run` what ``wandb.run``, ``wandb.log``, ``wandb.config`` and ``wandb.summary`` stand for.

    Raises:
        LocalIOError: wandb, imported here for the first time, finds no room for its temporary directory.
    """
    with _lock:
        if not _open:
            wandb = _imported()
            _before.update({name: getattr(wandb, name) for name in _NAMES})
        _open.append(run)
        _show(run)


def deactivate(run: Run) -> None:
    """`run` is finished: the run before it is active again, or wandb is as it was. Idempotent."""
    with _lock:
        if run not in _open:
            return
        _open.remove(run)
        if _open:
            _show(_open[-1])
            return
        wandb = importlib.import_module("wandb")
        for name, value in _before.items():
            setattr(wandb, name, value)
        _before.clear()


def _imported() -> Any:
    try:
        return importlib.import_module("wandb")
    except OSError as error:
        hint = "free space in the directory for temporary files, or set TMPDIR to another"
        raise LocalIOError(f"wandb cannot be imported: {error.strerror or error}", hint=hint) from error


def begun_by_script() -> tuple[str, str, str] | None:
    """(entity, project, id) of the run that the user's script began with ``wandb.init``, while it is under way there;
    None when there is none, or it is not online."""
    found = getattr(sys.modules.get("wandb"), "run", None)
    if found is None or isinstance(found, Run) or getattr(found, "offline", True) or getattr(found, "disabled", True):
        return None
    return str(found.entity), str(found.project), str(found.id)


def active() -> Run | None:
    """The run that ``wandb.run`` stands for, or None when it is not ours."""
    with _lock:
        return _open[-1] if _open else None


def _show(run: Run) -> None:
    wandb = importlib.import_module("wandb")
    for name, value in zip(_NAMES, (run, run.log, run.config, run.summary), strict=True):
        setattr(wandb, name, value)
