"""Processes that may not have much: descriptors, threads, stack, memory."""

import pytest

from tests.faults import invariants, trees
from tests.faults.procs import Ended, World

REF = "dataset/cats:one"
UPLOAD = ("upload", "src", "-n", "cats", "-t", "dataset", "-a", "one")
DOWNLOAD = ("download", REF, "-d", "out")
TREE = {**{f"{number % 5}/{number}": b"x" * number for number in range(60)}, "big": bytes(20 << 20)}
LIMITED = """
import resource, sys, threading
{limit}
from wabucketref.cli.main import main
sys.exit(main({argv!r}))
"""
DESCRIPTORS = "resource.setrlimit(resource.RLIMIT_NOFILE, ({0}, {0}))"
MEMORY = "resource.setrlimit(resource.RLIMIT_AS, ({0} << 20, {0} << 20))"
STACK = "threading.stack_size({0} << 10)"
THREADS = """
begin, left = threading._start_new_thread, [{0}]  # at once, as the system counts them
def limited(work, *given):
    def counted(*arguments):
        try:
            work(*arguments)
        finally:
            left[0] += 1
    if left[0] <= 0:
        raise RuntimeError("can't start new thread")
    left[0] -= 1
    return begin(counted, *given)
threading._start_new_thread = limited
"""


@pytest.fixture(params=[UPLOAD, DOWNLOAD], ids=["upload", "download"])
def command(request: pytest.FixtureRequest, world: World) -> tuple[str, ...]:
    trees.make(world.directory / "src", TREE)
    if request.param == DOWNLOAD:
        world.ok(*UPLOAD)
    found: tuple[str, ...] = request.param
    return found


def limited(world: World, command: tuple[str, ...], limit: str) -> Ended:
    """The command under the limit, then without one: nothing was torn, and nothing is in the way."""
    ended = world.script(LIMITED.format(limit=limit, argv=list(command))).wait(30)
    if ended.code:
        invariants.honest(ended)
        out = trees.read(world.directory / "out") if (world.directory / "out").exists() else {}
        assert all(TREE[name] == content for name, content in out.items() if content is not None)
    for again in (("sync",), command):
        repeated = world.run(*again)
        assert repeated.code == 0, repeated
    invariants.one_version(world, REF, TREE)
    invariants.ended_runs(world)
    invariants.settled(world)
    return ended


@pytest.mark.row("K9")
@pytest.mark.parametrize(
    "limit", [DESCRIPTORS.format(64), THREADS.format(4), STACK.format(64)], ids=["files", "threads", "stack"]
)
def test_little_is_enough(world: World, command: tuple[str, ...], limit: str) -> None:
    ended = limited(world, command, limit)
    assert ended.code == 0, ended


@pytest.mark.row("K9")
@pytest.mark.parametrize("number", [12])
def test_too_few_descriptors(world: World, command: tuple[str, ...], number: int) -> None:
    ended = limited(world, command, DESCRIPTORS.format(number))
    assert (ended.code, "ulimit -n" in ended.err) == (5, True), ended


@pytest.mark.row("K9")
@pytest.mark.parametrize("number", [0, 2])
def test_too_few_threads(world: World, command: tuple[str, ...], number: int) -> None:
    ended = limited(world, command, THREADS.format(number))
    assert (ended.code, "ulimit -u" in ended.err) == (5, True), ended


@pytest.mark.row("K5")
def test_too_little_memory(world: World, command: tuple[str, ...]) -> None:
    ended = limited(world, command, MEMORY.format(190 if command == DOWNLOAD else 230))  # a download keeps little
    assert ended.code in (1, 5), ended  # 5: the system's own word, as for a thread's stack
    # The interpreter itself says so where it cannot even make a lock.
    assert "memory" in ended.err or "can't allocate lock" in ended.err
    assert "Traceback" not in ended.err
