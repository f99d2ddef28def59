"""What every storage must do, by ``contracts/storage.py``; capabilities are tested both ways.

Each check gets a *bench*: several connections, opened independently, and a prefix of its own that is emptied again.
"""

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from wabucketref.conformance import (
    storage_conditions,
    storage_many,
    storage_objects,
    storage_parts,
    storage_uploads,
)
from wabucketref.conformance.results import CheckResult, run_check
from wabucketref.conformance.storage_bench import Bench
from wabucketref.contracts.storage import Storage

OpenStore = Callable[[], Storage]
Check = Callable[[Bench], None]
PREFIX = ".wabucket-check/"

CHECKS: tuple[Check, ...] = (
    *storage_objects.CHECKS,
    *storage_conditions.CHECKS,
    *storage_uploads.CHECKS,
    *storage_parts.CHECKS,
    *storage_many.CHECKS,
)


@dataclass(frozen=True, slots=True)
class StorageChecks:
    """The checks on one storage. `open_store` makes a new connection each time it is called."""

    open_store: OpenStore
    prefix: str = field(default_factory=lambda: f"{PREFIX}{secrets.token_hex(8)}/")
    backdoor: Callable[[str], bytes | None] | None = None
    """Reads the object under a key by other means than the storage, None when there is none."""

    def run(self, check: Check) -> CheckResult:
        """One check, cleaned up after."""
        name = name_of(check)

        def carry_out() -> None:
            with Bench(self.open_store, f"{self.prefix}{name}/", self.backdoor) as bench:
                check(bench)

        return run_check(name, carry_out)


def name_of(check: Check) -> str:
    """``check_round_trip`` → ``round_trip``."""
    return check.__name__.removeprefix("check_")


def run_storage_checks(
    open_store: OpenStore,
    *,
    checks: Sequence[Check] = CHECKS,
    backdoor: Callable[[str], bytes | None] | None = None,
) -> list[CheckResult]:
    """All `checks` under a random prefix below ``.wabucket-check/``, which is empty again at the end.

    Raises nothing: a storage that cannot be opened or cleaned shows in the results.
    """
    suite = StorageChecks(open_store, backdoor=backdoor)
    results = [suite.run(check) for check in checks]
    results.append(run_check("clean_up", lambda: _assert_clean(open_store, suite.prefix)))
    return results


def _assert_clean(open_store: OpenStore, prefix: str) -> None:
    with closing(open_store()) as store:
        left: Iterator[str] = (info.key for info in store.list(prefix))
        found = next(left, None)
        if found is not None:
            raise RuntimeError(f"objects were left behind, {found!r} first")
