"""``StorageConformance``: the storage checks as pytest tests, for the tests of a driver.

class TestMyStorage(StorageConformance):
    @pytest.fixture
    def open_store(self):
        return lambda: MyStorage("my://bucket")
"""

from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any, ClassVar

import pytest

from wabucketref.conformance.plugin import check_plugin
from wabucketref.conformance.results import run_check
from wabucketref.conformance.storage import CHECKS, StorageChecks, name_of
from wabucketref.contracts.storage import Storage
from wabucketref.testing.report import report, skip_known


class StorageConformance:
    """Subclass it and give the fixture ``open_store``, which returns a function that opens a new connection."""

    deviations: ClassVar[Mapping[str, str]] = {}
    """Checks by name that this store cannot pass, each with the fact about the store that says why."""
    plugin: ClassVar[tuple[str, Any] | None] = None
    """The scheme and the factory that its entry point gives."""

    @pytest.fixture
    def open_store(self) -> Callable[[], Storage]:
        """A function that opens a new connection to one bucket."""
        raise NotImplementedError("give a fixture open_store that returns a function which opens the storage")

    @pytest.fixture
    def backdoor(self) -> Callable[[str], bytes | None] | None:
        """Optional: reads the object under a key by other means; None when there is no such object."""
        return None

    @pytest.mark.parametrize("check", CHECKS, ids=name_of)
    def test_contract(
        self, check: Any, open_store: Callable[[], Storage], backdoor: Callable[[str], bytes | None] | None
    ) -> None:
        """One check of the contract."""
        skip_known(name_of(check), self.deviations)
        report(StorageChecks(open_store, backdoor=backdoor).run(check))

    def test_plugin(self, open_store: Callable[[], Storage]) -> None:
        """What the entry point gives is a plugin of this API, and declares what its storages can do."""
        plugin = self.plugin
        if plugin is None:
            pytest.skip("no plugin is named")
        with closing(open_store()) as store:
            report(run_check("plugin", lambda: check_plugin(*plugin, store)))
