"""CRC32C by the library in C, whatever kind of memory the bytes lie in."""

import sys
from types import ModuleType

import pytest

from wabucketref.store.format import crc32c


def test_known_values() -> None:
    """Those of RFC 3720, and of the catalogue of checksums."""
    assert crc32c.available()
    assert crc32c.crc32c(b"") == 0
    assert crc32c.crc32c(b"123456789") == 0xE3069283
    assert crc32c.crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c.crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c.encoded(0xE3069283) == "4waSgw=="


@pytest.mark.parametrize("size", [1, crc32c._PIECE - 1, crc32c._PIECE, 3 * crc32c._PIECE + 5])
def test_buffers_of_any_kind_and_bytes_bit_by_bit(size: int) -> None:
    data = bytes(range(251)) * (size // 251 + 1)
    data = data[:size]
    whole = crc32c.crc32c(data)
    assert crc32c.crc32c(memoryview(bytearray(b"ab" + data))[2:]) == crc32c.crc32c(memoryview(data)) == whole
    cut = size // 3
    assert crc32c.crc32c(memoryview(data)[cut:], crc32c.crc32c(data[:cut])) == whole


@pytest.mark.parametrize("implementation", ["python", None])
def test_the_slow_library_counts_as_none(monkeypatch: pytest.MonkeyPatch, implementation: str | None) -> None:
    slow = ModuleType("google_crc32c")
    slow.implementation = implementation  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "google_crc32c", slow if implementation else None)
    assert crc32c._extend.__wrapped__() is None
