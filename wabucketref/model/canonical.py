"""Names derived from content: the hash of a run's config, and the alias of an upload."""

import hashlib
import uuid
from collections.abc import Mapping
from typing import Any, Final

from wabucketref.errors import UsageError
from wabucketref.model.jsonvalue import normalize, without_nan
from wabucketref.model.names import check_new_alias

RUN_CONFIG_HASH: Final = "!run-config-hash"
_SAFE_INTEGER: Final = (1 << 53) - 1


def run_config_hash(config: Mapping[str, Any]) -> str:
    """SHA-256, in hex, of `config` without its ``job`` key as canonical JSON (RFC 8785).

    Equal for equal configs whatever the order of keys, in any process on any machine. RFC 8785 knows only numbers that
    a double holds, so integers beyond 2**53 - 1 are hashed as strings of their digits, NaN and infinities as the
    strings ``NaN``, ``Infinity`` and ``-Infinity``; ``1`` and ``1.0`` are one number. The hash of ``{}`` is
    ``44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a``.

    Raises:
        InvalidValue: a value that cannot be recorded at all.
    """
    import rfc8785

    own = {key: value for key, value in config.items() if key != "job"}
    return hashlib.sha256(rfc8785.dumps(_carried(without_nan(normalize(own, "config"))))).hexdigest()


def resolve_alias(alias: str | None, config: Mapping[str, Any]) -> str:
    """The alias of a new upload: a UUID4 for None, the hash of `config` for ``!run-config-hash``, else `alias` itself.

    Raises:
        UsageError: an unknown ``!…`` word, or an alias outside the rules.
    """
    if alias is None:
        return str(uuid.uuid4())
    if alias == RUN_CONFIG_HASH:
        return run_config_hash(config)
    if alias.startswith("!"):
        raise UsageError(f"alias {alias!r} is not known", hint=f"the only computed alias is {RUN_CONFIG_HASH}")
    return check_new_alias(alias)


def _carried(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _carried(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_carried(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _SAFE_INTEGER:
        return str(value)
    return value
