"""Uploads of one alias that are recorded in any order: the tracker ends with what the bucket has."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import permutations, product
from pathlib import Path

import pytest

from tests.unit.trackers.helpers import PROJECT, ref, run, upload
from wabucketref.errors import NotAuthorised, NotFound
from wabucketref.model.artifact import LoggedArtifact
from wabucketref.model.run import RunKey
from wabucketref.service.work.artifact import record_upload
from wabucketref.trackers.embedded.tracker import EmbeddedTracker


@dataclass
class Bucket:
    """One alias; and the side of the outbox that asks it."""

    key: RunKey
    is_late: bool = False
    content: str | None = None
    asked: int = 0
    meanwhile: list[Callable[[], None]] = field(default_factory=list)
    """What others do each time that it was asked."""

    def holds(self, artifact: LoggedArtifact) -> bool:
        self.asked += 1
        answer = artifact.digest == f"blake3:{self.content}"
        if self.meanwhile:
            self.meanwhile.pop()()
        return answer


@pytest.fixture
def tracker(tmp_path: Path) -> Iterator[EmbeddedTracker]:
    with closing(EmbeddedTracker(f"sqlite:///{tmp_path}/catalog.sqlite")) as made:
        yield made


def record(tracker: EmbeddedTracker, bucket: Bucket, content: str, xid: str, name: str = "net") -> None:
    record_upload(tracker, upload("a", content, xid=xid, name=name), bucket)  # type: ignore[arg-type]


def agree(tracker: EmbeddedTracker, bucket: Bucket, name: str = "net") -> None:
    for alias in ("a", "latest"):
        if bucket.content is None:
            with pytest.raises(NotFound):
                tracker.resolve(ref(alias, name), PROJECT)
        else:
            assert tracker.resolve(ref(alias, name), PROJECT).digest == f"blake3:{bucket.content}"
    assert len(tracker.list_artifacts(PROJECT, "model", name)) == (bucket.content is not None)


def interleavings(count: int) -> Iterator[tuple[int, ...]]:
    """All orders in which `count` uploads are committed (their number less `count`) and recorded (their number)."""
    for order in permutations(range(-count, count)):
        commits = [one for one in order if one < 0]
        if commits == sorted(commits) and all(order.index(n - count) < order.index(n) for n in range(count)):
            yield order


@pytest.mark.row("A2")
@pytest.mark.parametrize("late", [False, True], ids=["live", "late"])
def test_every_order_of_three(tracker: EmbeddedTracker, late: bool) -> None:
    key = run(tracker)
    histories = list(product(("xyz", "xyx", "xxy", "xyy"), interleavings(3)))
    assert len(histories) == 4 * 15
    for number, (contents, order) in enumerate(histories):
        name, bucket = f"net-{number}", Bucket(key, late)
        for step in order:
            if step < 0:
                bucket.content = contents[step + 3]
            else:
                record(tracker, bucket, contents[step], f"{number}-{step}", name)
        agree(tracker, bucket, name)


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("told", [True, False])
def test_what_was_removed_meanwhile_is_recorded_as_removed(
    tracker: EmbeddedTracker, order: tuple[int, ...], told: bool
) -> None:
    """`told`: the tracker heard of the removal after the first record."""
    key = run(tracker)
    bucket = Bucket(key, is_late=True)
    for number, step in enumerate(order):
        record(tracker, bucket, "xyz"[step], str(step))
        if told and number == 0:
            tracker.remove_artifact(ref("a"), PROJECT, upload("a").bucket)
    agree(tracker, bucket)
    with pytest.raises(NotFound, match="was removed"):
        tracker.resolve(ref("a"), PROJECT)
    assert tracker.get_run(key).outputs == ("model/net:a",), "lineage names it"


def test_a_version_that_lost_its_files_says_to_which(tracker: EmbeddedTracker) -> None:
    bucket = Bucket(run(tracker), content="new")
    record(tracker, bucket, "new", "2")
    record(tracker, bucket, "old", "1")
    with pytest.raises(NotFound, match="v1 was replaced by v0"):
        tracker.resolve(ref("v1"), PROJECT)
    assert bucket.asked == 1, "only of what is contested"


def test_a_replay_asks_nothing(tracker: EmbeddedTracker) -> None:
    bucket = Bucket(run(tracker), content="new")
    for _ in range(2):
        record(tracker, bucket, "old", "1")
        record(tracker, bucket, "new", "2")
    assert bucket.asked == 1
    agree(tracker, bucket)


def test_another_comes_while_the_bucket_is_asked(tracker: EmbeddedTracker) -> None:
    """Each time it is the content of one before: what was heard of the bucket is not good any more."""
    bucket = Bucket(run(tracker), content="y")

    def another(content: str) -> Callable[[], None]:
        def do() -> None:
            bucket.content = content
            record(tracker, bucket, content, f"again-{content}")

        return do

    record(tracker, bucket, "x", "1")
    bucket.meanwhile = [another("x")]
    record(tracker, bucket, "y", "2")
    agree(tracker, bucket)
    assert bucket.content == "x"


def test_a_bucket_that_does_not_answer(tracker: EmbeddedTracker) -> None:
    """What is not contested is recorded; the rest waits."""

    class Silent(Bucket):
        def holds(self, artifact: LoggedArtifact) -> bool:
            raise NotAuthorised("no")

    bucket = Silent(run(tracker), is_late=True)
    record(tracker, bucket, "x", "1")
    with pytest.raises(NotAuthorised):
        record(tracker, bucket, "y", "2")
    assert tracker.resolve(ref("a"), PROJECT).digest == "blake3:x"
