"""What a source may hold: every rule is checked before a byte is sent."""

import os
import socket
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.store.support import bucket, keys, make_tree, plane, send, upload_plan
from wabucketref import failpoints
from wabucketref.errors import NotAuthorised, NotFound, SourceChanged, UsageError
from wabucketref.model.names import path_problem
from wabucketref.store.drivers.local import LocalStorage
from wabucketref.store.selection import Selection
from wabucketref.store.source.read import Source
from wabucketref.store.source.scan import Rules, scan
from wabucketref.store.source.tree import Tree


def scanned(source: Path, include: tuple[str, ...] = (), exclude: tuple[str, ...] = (), **rules: object) -> Tree:
    return scan(str(source), Selection(include, exclude), Rules(**rules))  # type: ignore[arg-type]


def test_paths_come_in_order_with_empty_directories(tmp_path: Path) -> None:
    tree = scanned(make_tree(tmp_path / "s", {"b/a": b"1", "b-": b"22", "b.txt": b"", "c": None, "z/y": None}))
    assert list(tree.paths()) == ["b-", "b.txt", "b/a", "c/", "z/y/"]
    assert (tree.files, tree.bytes, len(tree)) == (3, 3, 5)


@pytest.mark.row("S1")
def test_a_missing_source_and_special_files(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="does not exist"):
        scanned(tmp_path / "none")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="a FIFO"):
        scanned(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        os.chdir(tmp_path)
        server.bind("s")
        with pytest.raises(UsageError, match="a socket"):
            scanned(tmp_path / "s")
    with pytest.raises(UsageError, match="a character device"):
        scanned(Path("/dev/null"))


@pytest.mark.row("S1")
def test_a_fifo_inside_is_named_unless_left_out(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"d/a": b"1"})
    os.mkfifo(source / "d" / "pipe")
    with pytest.raises(UsageError, match=r"d/pipe.*FIFO"):
        scanned(source)
    assert list(scanned(source, exclude=("pipe",)).paths()) == ["d/a"]


@pytest.mark.row("S2")
def test_links_inside_are_followed(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"d/a": b"1", "f": b"22"})
    (source / "file").symlink_to("f")
    (source / "dir").symlink_to("d")
    (source / "abs").symlink_to(source / "d" / "a")
    (tmp_path / "way").symlink_to(source)
    tree = scanned(tmp_path / "way")
    assert list(tree.paths()) == ["abs", "d/a", "dir/a", "f", "file"]
    with Source(tree.root) as opened:
        contents = {}
        for found in tree:
            with opened.open(found) as file:
                contents[found.path] = file.read(0, found.size)
    assert contents == {"abs": b"1", "d/a": b"1", "dir/a": b"1", "f": b"22", "file": b"22"}


@pytest.mark.row("S2")
@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("/proc/self/environ", "out of the source"),
        ("../outside", "out of the source"),
        ("nowhere", "does not exist"),
        ("self", "loop"),
        (".", "a loop"),
        ("..", "out of"),
    ],
)
def test_links_that_cannot_be_followed_are_named(tmp_path: Path, target: str, says: str) -> None:
    source = make_tree(tmp_path / "s", {"a": b"1"})
    (tmp_path / "outside").write_bytes(b"secret")
    (source / "self").symlink_to(target)
    with pytest.raises(UsageError, match=f"self.*{says}"):
        scanned(source)
    assert list(scanned(source, exclude=("self",)).paths()) == ["a"]


@pytest.mark.row("S2")
def test_a_loop_through_two_directories_is_found(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"a/b/f": b"1"})
    (source / "a" / "b" / "up").symlink_to("../../a")
    with pytest.raises(UsageError, match=r"a/b/up.*loop"):
        scanned(source)


@pytest.mark.row("S7")
@pytest.mark.parametrize("name", [b"\xff", b"a\nb", b"tab\t", b"esc\x1b[0m"])
def test_names_that_cannot_be_stored_are_shown_escaped(tmp_path: Path, name: bytes) -> None:
    source = make_tree(tmp_path / "s", {"good": b"1"})
    (Path(os.fsdecode(os.fsencode(source) + b"/" + name))).write_bytes(b"x")
    (source / "two\n").write_bytes(b"x")
    with pytest.raises(UsageError) as caught:
        scanned(source)
    assert caught.value.message.isprintable()
    assert "two\\n" in caught.value.message
    assert scanned(source, include=("good",)).files == 1


@pytest.mark.row("S7")
def test_names_are_stored_in_normal_form_unless_two_clash(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"e\u0301/e\u0301": b"1"})
    tree = scanned(source)
    assert list(tree.paths()) == ["\u00e9/\u00e9"]
    with Source(tree.root) as opened, opened.open(next(iter(tree))) as file:
        assert file.read(0, 1) == b"1"
    make_tree(source, {"\u00e9/other": b"2"})
    with pytest.raises(UsageError, match="Unicode form"):
        scanned(source)


@pytest.mark.row("S7", "S8")
def test_reserved_and_too_long_paths(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"x/.wabucket/ok": b"1", "n" * 255: b"2"})
    assert scanned(source).files == 2
    with pytest.raises(UsageError, match="at most 100"):
        scanned(source, max_path_bytes=100)
    make_tree(source, {".wabucket/x": b"1"})
    with pytest.raises(UsageError, match="reserved"):
        scanned(source)


@pytest.mark.row("S7")
def test_a_tree_deeper_than_paths_may_be_is_refused_not_crashed(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    descriptor = os.open(tmp_path / "s", os.O_RDONLY)
    for _ in range(25):
        os.mkdir("d" * 200, dir_fd=descriptor)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=descriptor)
        os.close(descriptor)
        descriptor = below
    os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    with pytest.raises(UsageError, match="4096"):
        scanned(tmp_path / "s")


@pytest.mark.row("S10")
def test_our_own_directories_must_not_be_inside(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"a": b"1", "bucket/x": b"1", "home/x": b"1"})
    with pytest.raises(UsageError, match="our own"):
        send(LocalStorage(source / "bucket"), upload_plan(source))
    with pytest.raises(UsageError, match="our own"):
        plane(bucket(), home=str(source / "home")).preview_upload(upload_plan(source))
    with pytest.raises(UsageError, match="'/'"):
        scanned(Path("/"))


@pytest.mark.row("S6")
def test_unreadable_paths_are_counted_and_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_tree(tmp_path / "s", {f"{number:02}": b"1" for number in range(30)})
    monkeypatch.setattr(os, "access", lambda *args, **more: False)
    with pytest.raises(NotAuthorised, match=r"^30 paths .*'00'.*'19'$"):
        scanned(source)


@pytest.mark.row("S3")
def test_a_link_swapped_in_after_the_scan_is_not_followed(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"a": b"1", "d/b": b"2"})
    secret = make_tree(tmp_path / "out", {"b": b"secret"})

    def swap(name: str) -> None:
        if name == "scan.done":
            (source / "a").unlink()
            (source / "a").symlink_to(secret / "b")

    failpoints.install(swap)
    try:
        storage = bucket()
        with pytest.raises(UsageError, match="symbolic link"):
            send(storage, upload_plan(source))
        assert not [key for key in keys(storage) if key.endswith("manifest.json")]
    finally:
        failpoints.install(None)


@pytest.mark.row("S4")
@pytest.mark.parametrize("size", [100, 5000])
@pytest.mark.parametrize("how", ["grow", "shrink", "rewrite", "delete"])
def test_a_file_that_changes_between_scan_and_read_stops_the_upload(tmp_path: Path, how: str, size: int) -> None:
    source = make_tree(tmp_path / "s", {"a": b"1" * size})

    def change(name: str) -> None:
        if name != "scan.done":
            return
        if how == "delete":
            (source / "a").unlink()
        else:
            (source / "a").write_bytes(b"2" * (size + {"grow": 1, "shrink": -1, "rewrite": 0}[how]))
            os.utime(source / "a", ns=(1, 1))

    failpoints.install(change)
    try:
        with pytest.raises(SourceChanged, match="'a' was changed") as caught:
            send(bucket(), upload_plan(source))
        assert caught.value.exit_code == 5
    finally:
        failpoints.install(None)


@pytest.mark.row("S4")
def test_a_large_file_that_changes_while_it_is_sent_leaves_no_object(tmp_path: Path) -> None:
    source = make_tree(tmp_path / "s", {"a": b"1" * 9000})

    def change(name: str) -> None:
        if name == "upload.part":
            with open(source / "a", "r+b") as file:
                file.write(b"2")
            os.utime(source / "a", ns=(1, 1))

    storage = bucket()
    failpoints.install(change)
    try:
        with pytest.raises(SourceChanged):
            send(storage, upload_plan(source))
    finally:
        failpoints.install(None)
    assert [key for key in keys(storage) if ".wabucket" not in key] == []


names = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)


@pytest.mark.row("S7")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.sets(names.filter(lambda name: name not in (".", "..") and len(name.encode()) < 200), max_size=5))
def test_any_name_is_either_stored_or_refused(tmp_path_factory: pytest.TempPathFactory, chosen: set[str]) -> None:
    source = make_tree(tmp_path_factory.mktemp("s"), dict.fromkeys(chosen, b"x"))
    try:
        found = list(scanned(source).paths())
    except UsageError:
        return
    assert len(found) == len(chosen)
    assert all(path_problem(path) is None for path in found)


def test_a_bad_pattern_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="not a pattern"):
        Selection(("!",))


def test_the_largest_files_come_first(tmp_path: Path) -> None:
    tree = scanned(make_tree(tmp_path / "s", {"a": bytes(5), "b": bytes(9), "c": bytes(7), "d": None, "e": b""}))
    assert [found.path for found in tree.largest(5)] == ["b", "c"]
    assert tree.largest(9) == []
    assert [found for found in tree if found.size == 9] == tree.largest(8), "equal to the one in order of path"
