"""Config and summary: mappings that record every change by themselves; there is nothing to save."""

import os
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from wabucketref.errors import UsageError
from wabucketref.model.jsonvalue import normalize
from wabucketref.model.runargs import is_namespace
from wabucketref.runs.process import check_process

if TYPE_CHECKING:
    import argparse

Publish = Callable[[Mapping[str, Any], tuple[str, ...]], None]
"""Given (changed keys with values, removed keys)."""


class RecordedMapping(MutableMapping[str, Any]):
    """Values are checked and copied at the call: what is changed in an object afterwards does not count.

    Keys can be read and set as attributes too (``run.config.lr``). A copy of it, or what a pickle of it brings back, is
    a plain dictionary. Thread-safe.
    """

    _values: dict[str, Any]
    _publish: Publish
    _where: str
    _lock: threading.RLock
    _pid: int

    def __init__(self, where: str, publish: Publish, values: Mapping[str, Any] | None = None) -> None:
        object.__setattr__(self, "_values", dict(values or {}))
        object.__setattr__(self, "_publish", publish)
        object.__setattr__(self, "_where", where)
        object.__setattr__(self, "_lock", threading.RLock())
        object.__setattr__(self, "_pid", os.getpid())

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._change({key: value})

    def __delitem__(self, key: str) -> None:
        check_process(self._pid, self._where)
        with self._lock:
            if key not in self._values:
                raise KeyError(key)
            self._publish({}, (key,))
            del self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._values))

    def __len__(self) -> int:
        return len(self._values)

    def __getattr__(self, name: str) -> Any:
        # Asked for on an object that is only half made, these would ask for themselves without end.
        if name.startswith("__") or name in RecordedMapping.__annotations__:
            raise AttributeError(name)
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"{self._where} has no key {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value

    def __repr__(self) -> str:
        return repr(self._values)

    def __reduce__(self) -> tuple[type[dict[str, Any]], tuple[dict[str, Any]]]:
        return dict, (self.as_dict(),)

    def as_dict(self) -> dict[str, Any]:
        """A copy as a plain dictionary."""
        with self._lock:
            return dict(self._values)

    def absorb(self, values: Mapping[str, Any]) -> None:
        """Show values that were recorded by other means."""
        with self._lock:
            self._values.update(values)

    def _change(self, changes: Mapping[Any, Any]) -> None:
        plain = normalize(dict(changes), self._where)
        check_process(self._pid, self._where)
        with self._lock:
            self._publish(plain, ())
            self._values.update(plain)


class Config(RecordedMapping):
    """The run's configuration."""

    def update(  # type: ignore[override]
        self,
        other: "Mapping[str, Any] | argparse.Namespace | None" = None,
        /,
        allow_val_change: bool = True,
        **more: Any,
    ) -> None:
        """Set many keys at once.

        Raises:
            UsageError: `allow_val_change` is False and a key has another value already.
            InvalidValue: a value cannot be recorded.
        """
        changes = _plain(other) | more
        if not allow_val_change:
            changed = [key for key, value in changes.items() if key in self._values and self._values[key] != value]
            if changed:
                raise UsageError(f"config keys have values already: {', '.join(map(str, changed))}")
        self._change(changes)

    def setdefaults(self, other: "Mapping[str, Any] | argparse.Namespace", /) -> dict[str, Any]:
        """Set the keys that have no value yet; returns the whole configuration.

        Raises:
            InvalidValue: a value cannot be recorded.
        """
        check_process(self._pid, self._where)
        with self._lock:
            missing = {key: value for key, value in _plain(other).items() if key not in self._values}
            if missing:
                self._change(missing)
            return self.as_dict()


def _plain(other: "Mapping[str, Any] | argparse.Namespace | None") -> dict[str, Any]:
    return dict(vars(other) if is_namespace(other) else other or {})


class Summary(RecordedMapping):
    """The run's last or best values; ``log`` sets them too."""

    def update(self, other: Mapping[str, Any] | None = None, /, **more: Any) -> None:  # type: ignore[override]
        """Set many keys at once."""
        self._change(dict(other or {}) | more)
