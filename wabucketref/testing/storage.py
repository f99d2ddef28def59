"""``StorageConformance``: the storage checks as pytest tests, for the tests of a driver.

class TestMyStorage(StorageConformance):
    @pytest.fixture
    def open_store(self):
        return lambda: MyStorage("my://bucket")
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from wabucketref.conformance.storage import CHECKS, StorageChecks, name_of
from wabucketref.contracts.storage import Storage


class StorageConformance:
    """Subclass it and give the fixture ``open_store``, which returns a function that opens a new connection."""

    deviations: ClassVar[Mapping[str, str]] = {}
    """Checks by name that this store cannot pass, each with the fact about the store that says why."""

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
        if name_of(check) in self.deviations:
            pytest.skip(f"known of this store: {self.deviations[name_of(check)]}")
        result = StorageChecks(open_store, backdoor=backdoor).run(check)
        if result.state == "skipped":
            pytest.skip(result.text)
        if result.state == "broken":
            pytest.fail(str(result), pytrace=False)
