"""What a listing said, in columns: all that went in comes out, once."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wabucketref.contracts.storage import ObjectInfo
from wabucketref.model.manifest import Entry
from wabucketref.store.format.entries import EntryList
from wabucketref.store.objects import Objects

TEXT = st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1, max_size=12)
FACTS = st.tuples(st.integers(0, 1 << 62), st.none() | TEXT, st.none() | TEXT, st.none() | st.floats(0, 4e9))


@given(st.dictionaries(TEXT, FACTS, max_size=40), st.data())
def test_all_comes_out_once(
    found: dict[str, tuple[int, str | None, str | None, float | None]], data: st.DataObject
) -> None:
    objects = Objects("p/")
    infos = {path: ObjectInfo(f"p/{path}", *facts) for path, facts in found.items()}
    for info in infos.values():
        objects.add(info)
    for path in data.draw(st.lists(st.sampled_from([*infos, "not there"]), max_size=10)):
        assert objects.take(path) == infos.pop(path, None)
    assert list(objects) == list(infos.values())


def test_what_is_listed_twice_is_there_once() -> None:
    objects = Objects("")
    for size in (1, 2):
        objects.add(ObjectInfo("a", size))
    assert [info.size for info in objects] == [2]
    assert objects.take("a") == ObjectInfo("a", 2)
    assert objects.take("a") is None


def test_many_take_little_memory() -> None:
    tracemalloc.start()
    objects = Objects("type/name/alias/")
    for number in range(20_000):
        etag = f"{number:032x}"
        objects.add(ObjectInfo(f"type/name/alias/{number // 1000:04}/file-{number:07}.txt", number, etag, modified=1.5))
    used = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert used / 20_000 < 130, "bytes an object; a million must fit into little more than 100 MiB"
    for number in reversed(range(20_000)):
        taken = objects.take(f"{number // 1000:04}/file-{number:07}.txt")
        assert taken is not None
        assert taken.size == number
    assert list(objects) == []


def test_a_list_of_entries_is_a_sequence() -> None:
    entries = [Entry("a", 1, "blake3:" + "0" * 64, etag="e"), Entry("d", 0, "", "directory"), Entry("ü\n", 3, "x")]
    found = EntryList(iter(entries))
    assert list(found) == entries
    assert (found[-1], found[1:], len(found), found[0] in found) == (entries[-1], entries[1:], 3, True)
    with pytest.raises(IndexError):
        found[3]
