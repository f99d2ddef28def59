"""What is uploaded, through the command line."""

import contextlib
import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.bad_input.bench import Bench, at, fail, upload
from tests.faults import trees
from tests.faults.buckets import objects
from tests.servers import Server


@pytest.mark.row("S1")
def test_S1_missing(bench: Bench) -> None:
    bench.refused(3, *upload("nothing"), says="nothing")


@pytest.mark.row("S1")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("inside", [False, True], ids=["itself", "inside"])
@pytest.mark.parametrize("what", ["fifo", "socket", "device"])
def test_S1_no_file(bench: Bench, what: str, inside: bool) -> None:
    path = bench.here / ("src/odd" if inside else "odd")
    if what == "fifo":
        os.mkfifo(path)
    elif what == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            os.chdir(path.parent)
            made.bind("odd")
            os.chdir(bench.here)
    else:
        try:
            os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        except PermissionError:
            pytest.skip("needs the right to make devices")
    bench.refused(2, *upload("src" if inside else "odd"), says="odd")


LINKS: dict[str, Callable[[Path], None]] = {
    "out": lambda src: (src / "odd").symlink_to("/etc/hostname"),
    "environment": lambda src: (src / "odd").symlink_to("/proc/self/environ"),
    "loop": lambda src: (src / "odd").symlink_to("."),
    "itself": lambda src: (src / "odd").symlink_to("odd"),
    "dangling": lambda src: (src / "odd").symlink_to("nowhere"),
}


@pytest.mark.row("S2")
@pytest.mark.parametrize("kind", LINKS)
def test_S2_links(bench: Bench, kind: str) -> None:
    LINKS[kind](bench.here / "src")
    bench.refused(2, *upload(), says="odd")


@pytest.mark.row("S2")
def test_S2_links_inside_are_followed(bench: Bench) -> None:
    (bench.here / "src/link.txt").symlink_to("a.txt")
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    assert (bench.here / "out/link.txt").read_bytes() == trees.TWO_FILES["a.txt"]


@pytest.mark.row("S3")
@pytest.mark.parametrize("what", ["file", "directory"])
def test_S3_a_link_swapped_in_after_the_scan(bench: Bench, what: str) -> None:
    outside = trees.make(bench.here / "outside", {"a.txt": b"secret", "er/b.bin": b"secret"})

    def swap() -> None:
        gone = bench.here / ("src/a.txt" if what == "file" else "src/deep")
        gone.rename(bench.here / "aside")
        gone.symlink_to(outside / "a.txt" if what == "file" else outside)

    with at("scan.done", swap):
        code, out, err = bench.run(*upload())
    assert (code, out) == ((2, "") if what == "file" else (5, ""))
    assert "src/" not in err
    assert ("a.txt" if what == "file" else "deep/er/b.bin") in err
    assert bench.files() == []
    assert not any(b"secret" in path.read_bytes() for path in bench.bucket.rglob("*") if path.is_file())


CHANGES: dict[str, Callable[[Path], object]] = {
    "grows": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "shrinks": lambda path: os.truncate(path, 3),
    "is rewritten": lambda path: path.write_bytes(b"x" * path.stat().st_size),
    "is replaced": lambda path: os.replace(path.parents[3] / "twin", path),
    "is deleted": lambda path: path.unlink(),
}


@pytest.mark.row("S4")
@pytest.mark.parametrize("how", CHANGES)
def test_S4_a_file_changes_while_it_is_read(bench: Bench, how: str) -> None:
    path = bench.here / "src/deep/er/b.bin"
    (bench.here / "twin").write_bytes(path.read_bytes())
    facts = path.stat()

    def change() -> None:
        CHANGES[how](path)
        if path.exists() and how == "is rewritten":
            os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))

    with at("scan.done", change):
        code, out, err = bench.run(*upload())
    assert (code, out, bench.files()) == (5, "", [])
    assert "'deep/er/b.bin' was changed while it was read" in err
    bench.ok(*upload(alias="two"))


@pytest.mark.row("S5")
def test_S5_equal_size_and_times_do_not_prove_equal_content(bench: Bench) -> None:
    """Neither a later upload nor the second try of a failed one takes an old digest for the new content."""
    path = bench.here / "src/a.txt"
    facts = path.stat()
    bench.ok(*upload())
    with at("upload.entries_put", fail):
        assert bench.run(*upload(alias="two"))[0] == 5
    path.write_bytes(b"ALPHA\n")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert path.stat().st_size == facts.st_size
    for alias in ("two", "three"):
        bench.ok(*upload(alias=alias))
        bench.ok("download", f"dataset/cats:{alias}", "-d", alias)
        assert (bench.here / alias / "a.txt").read_bytes() == b"ALPHA\n"
    bench.refused(6, *upload(), says="one")


@pytest.mark.row("S5")
def test_S5_two_changes_within_one_tick_of_the_clock(bench: Bench) -> None:
    path = bench.here / "src/a.txt"
    for number in range(3):
        command = upload(alias=f"a{number}")
        path.write_bytes(b"%d" % number)
        with at("upload.entries_put", lambda: (path.write_bytes(b"x"), fail())):
            assert bench.run(*command)[0] == 5
        path.write_bytes(b"%d" % (3 - number))
        bench.ok(*command)
        bench.ok("download", f"dataset/cats:a{number}", "-d", "out")
        assert (bench.here / "out/a.txt").read_bytes() == b"%d" % (3 - number)


@pytest.mark.row("S6")
def test_S6_what_may_not_be_read_is_listed_and_counted(bench: Bench) -> None:
    bench.privileged = False
    trees.make(bench.here / "src", {f"closed/{number:02}": b"1" for number in range(25)} | {"shut/x": b"1"})
    for path in (bench.here / "src/closed").iterdir():
        path.chmod(0)
    (bench.here / "src/shut").chmod(0)
    message = bench.refused(4, *upload(), says="26 paths")
    assert [name for name in message.split("'") if name.startswith("closed/")] == [f"closed/{n:02}" for n in range(20)]
    assert not (bench.bucket / "dataset").exists(), "nothing was sent"
    (bench.here / "src/a.txt").chmod(0)
    bench.refused(4, *upload("src/a.txt"), says="a.txt")
    bench.ok(*upload()[:-2], *(f"--exclude={name}" for name in ("closed/", "shut/", "a.txt")), "--", "src")


@pytest.mark.row("S7")
@pytest.mark.parametrize("name", [b"\xff", b"tab\there", b"line\nbreak", b"e\xcc\x81"], ids=repr)
def test_S7_file_names(bench: Bench, name: bytes) -> None:
    (bench.here / "src" / os.fsdecode(name)).touch()
    if name == b"e\xcc\x81":
        (bench.here / "src" / "\u00e9").touch()
    bench.refused(2, *upload())


@pytest.mark.row("S7")
def test_S7_long_names_and_paths(bench: Bench) -> None:
    (bench.here / "src" / ("n" * 255)).write_text("x")
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    assert (bench.here / "out" / ("n" * 255)).read_text() == "x"
    os.chdir(bench.here / "src")
    for _ in range(25):
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
    Path("deep").touch()
    os.chdir(bench.here)
    message = bench.refused(2, *upload(alias="two"))
    assert "at most 4096 are allowed" in message or f"at most {3072 - len('dataset/cats/two/')} there" in message
    assert len(message) < 8000


@pytest.mark.row("S7")
@pytest.mark.needs("moto")
def test_S7_keys_that_are_too_long_for_the_store(
    bench: Bench, moto_s3: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (*moto_s3.environ.items(), ("WABUCKET_BUCKET", moto_s3.url(moto_s3.make_bucket()))):
        monkeypatch.setenv(name, value)
    room, above = 1024 - len("dataset/cats/one/"), "/".join(["d" * 200] * 4) + "/"
    just, over = (above + "f" * (length - len(above)) for length in (room, room + 1))
    trees.make(bench.here / "src", {just: b"x", over: b"x"})
    message = bench.refused(2, *upload(), says=f"has {room + 1} bytes, this bucket takes at most {room} there")
    assert over in message
    assert f"{just!r}" not in message
    assert objects(moto_s3, os.environ["WABUCKET_BUCKET"]) == {}
    (bench.here / "src" / over).unlink()
    bench.ok(*upload())


@pytest.mark.row("S7")
def test_S7_a_backslash_is_data(bench: Bench) -> None:
    (bench.here / "src/a\\b").write_text("x")
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    assert (bench.here / "out/a\\b").read_text() == "x"


@pytest.mark.row("S8")
def test_S8_case_only_and_ours(bench: Bench) -> None:
    (bench.here / "src/A.TXT").write_text("x")
    assert "case" in bench.ok(*upload())
    (bench.here / "src/.wabucket").mkdir()
    bench.refused(2, *upload(alias="two"), says=".wabucket")


@pytest.mark.row("S9")
def test_S9_nothing_matched(bench: Bench) -> None:
    bench.refused(2, *upload()[:-2], "--include", "*.nope", "--", "src", says="matched")
    trees.make(bench.here / "hollow", {"empty/directory": None})
    bench.ok(*upload("hollow"))
    (bench.here / "nothing").touch()
    bench.ok(*upload("nothing", alias="two"))
    for alias in ("one", "two"):
        bench.ok("download", f"dataset/cats:{alias}", "-d", alias)
    assert trees.read(bench.here / "one") == {"empty/directory": None}
    assert trees.read(bench.here / "two") == {"nothing": b""}


@pytest.mark.row("S9")
def test_S9_a_sparse_file_is_not_read_by_a_dry_run(bench: Bench) -> None:
    with open(bench.here / "src/sparse", "wb") as file:
        file.truncate(1 << 40)
    code, out, _ = bench.run("--json", *upload()[:-2], "--dry-run", "--", "src")
    assert code == 0
    assert json.loads(out)["artifact"]["bytes"] > 1 << 40
    assert not (bench.bucket / "dataset").exists()


@pytest.mark.row("S10")
def test_S10_the_source_holds_the_bucket(bench: Bench) -> None:
    bench.ok(*upload())
    bench.refused(2, *upload("..", alias="two"))
    bench.refused(2, *upload("/", alias="two"))
    bench.refused(2, *upload(os.environ["HOME"], alias="two"), says="our own")


@pytest.mark.row("S11")
def test_S11_what_is_not_kept_is_no_error(bench: Bench) -> None:
    os.link(bench.here / "src/a.txt", bench.here / "src/hard")
    os.chmod(bench.here / "src/a.txt", 0o4755)
    os.utime(bench.here / "src/a.txt", (0, 0))
    with contextlib.suppress(OSError):  # not every disk has them
        os.setxattr(bench.here / "src/a.txt", "user.note", b"x")
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    for name in ("hard", "a.txt"):
        facts = (bench.here / "out" / name).stat()
        assert (bench.here / "out" / name).read_bytes() == trees.TWO_FILES["a.txt"]
        assert (facts.st_mode & 0o7111, facts.st_nlink) == (0, 1)
