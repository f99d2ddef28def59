"""Keys, and the specification against the code."""

import re
from pathlib import Path

from tests.unit.store.support import REF
from wabucketref.model.manifest import Entry
from wabucketref.store.claims.body import DEAD_AFTER, RENEW_EVERY
from wabucketref.store.format.digest import ManifestDigest, digest_of
from wabucketref.store.format.entries import MAX_LINE_BYTES, MAX_WINDOW_BYTES
from wabucketref.store.format.layout import Layout, is_control

SPECIFICATION = Path(__file__).parents[3] / "docs" / "reference" / "layout.md"


def test_keys_are_the_documented_ones() -> None:
    layout, text = Layout.of(REF), SPECIFICATION.read_text()
    for key in (layout.header, layout.entries, layout.claim, layout.claim_of("XID"), layout.token("XID")):
        assert f"`{key.replace('model/net/one', 'TYPE/NAME/ALIAS')}`" in text
    assert layout.file("a/b") == "model/net/one/a/b"


def test_keys_and_paths_belong_together() -> None:
    layout = Layout.of(REF)
    assert layout.path_of("model/net/one/a/b") == "a/b"
    assert layout.path_of(layout.header) is None
    assert layout.path_of("model/net/one-more/a") is None
    assert is_control("x/.wabucket/y")
    assert not is_control("x/.wabucketed")


def test_the_test_vector_of_the_specification() -> None:
    found = ManifestDigest(REF.type, REF.name, REF.alias)
    found.add(Entry("a.txt", 5, digest_of(b"hello")))
    found.add(Entry("empty", 0, digest_of(b"")))
    found.add(Entry("void", 0, "", "directory"))
    assert re.search(r"^    (blake3:[0-9a-f]{64})$", SPECIFICATION.read_text(), re.M)[1] == found.value()  # type: ignore[index]


def test_the_numbers_of_the_specification() -> None:
    text = SPECIFICATION.read_text()
    assert (RENEW_EVERY, DEAD_AFTER) == (15, 60)
    assert "every 15 s" in text
    assert "for 60 s" in text
    assert f"at most {MAX_LINE_BYTES >> 10} KiB" in text
    assert f"at most {MAX_WINDOW_BYTES >> 20} MiB" in text
