"""What is uploaded, through the command line."""

import json
import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.bad_input.bench import Bench, upload
from tests.faults import trees


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


@pytest.mark.row("S7")
@pytest.mark.parametrize("name", [b"\xff", b"tab\there", b"line\nbreak", b"e\xcc\x81"], ids=repr)
def test_S7_file_names(bench: Bench, name: bytes) -> None:
    (bench.here / "src" / os.fsdecode(name)).touch()
    if name == b"e\xcc\x81":
        (bench.here / "src" / "\u00e9").touch()
    bench.refused(2, *upload())


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


@pytest.mark.row("S11")
def test_S11_what_is_not_kept_is_no_error(bench: Bench) -> None:
    os.link(bench.here / "src/a.txt", bench.here / "src/hard")
    os.chmod(bench.here / "src/a.txt", 0o4755)
    bench.ok(*upload())
    bench.ok("download", "dataset/cats:one", "-d", "out")
    assert (bench.here / "out/hard").read_bytes() == trees.TWO_FILES["a.txt"]
