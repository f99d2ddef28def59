"""Collections and portfolios in the catalog: named, moved, linked, filtered, paged."""

from typing import Any

import pytest

from tests.server.artifacts.conftest import Desk
from wabucketref.errors import Conflict, NotFound, UsageError
from wabucketref.trackers.embedded.sdk import collections, naming, paging, portfolios, types, versions
from wabucketref.trackers.embedded.sdk.facts import Collection


def named(desk: Desk, name: str) -> Collection:
    (found,) = collections.by_name(desk.connection, desk.project_pk, name)
    return found


def portfolio(desk: Desk, name: str = "best") -> Collection:
    return collections.ensure_collection(desk.connection, desk.project_pk, "dataset", name, portfolio=True)


def found(desk: Desk, reference: str) -> tuple[int, int] | None:
    """(version, number) that a reference names."""
    one = naming.find(desk.connection, desk.project_pk, reference)
    return None if one is None else (one.version_pk, one.number)


def test_a_collection_is_renamed_and_moved_with_its_versions(desk: Desk) -> None:
    log = desk.log("d1", aliases=["a"])
    one = named(desk, "data")
    collections.change(desk.connection, one, "renamed", "what it is")
    collections.move(desk.connection, one, "other kind")
    moved = named(desk, "renamed")
    assert (moved.type, found(desk, "renamed:a"), found(desk, "data:a")) == ("other kind", (log.pk, 0), None)
    assert collections.describe(desk.connection, [moved])[0].description == "what it is"


def test_names_that_are_taken_internal_or_no_names_are_refused(desk: Desk) -> None:
    desk.log("d1")
    desk.log("d2", name="other")
    one = named(desk, "data")
    with pytest.raises(Conflict, match="exists already"):
        collections.change(desk.connection, one, "other", None)
    with pytest.raises(UsageError):
        collections.change(desk.connection, one, "a/b", None)
    with pytest.raises(Conflict, match="is reserved for internal use"):
        collections.move(desk.connection, one, "wandb-history")
    desk.log("d3", name="inner", type="wandb-history")
    with pytest.raises(Conflict, match="is an internal type and cannot be changed"):
        collections.move(desk.connection, named(desk, "inner"), "model")


def test_a_deleted_collection_gives_its_name_away(desk: Desk) -> None:
    log = desk.log("d1")
    one = named(desk, "data")
    versions.delete(desk.connection, log, with_aliases=True)
    collections.hide(desk.connection, one)
    assert collections.by_name(desk.connection, desk.project_pk, "data") == []
    desk.log("d2", name="other")
    collections.change(desk.connection, named(desk, "other"), "data", None)
    assert found(desk, "data") is not None
    with pytest.raises(NotFound):
        collections.require(desk.connection, one.pk)


def test_one_logged_again_after_its_deletion_is_there_again(desk: Desk) -> None:
    versions.delete(desk.connection, desk.log("d1"), with_aliases=True)
    collections.hide(desk.connection, named(desk, "data"))
    again = desk.log("d2")
    assert found(desk, "data:latest") == (again.pk, 1)


def test_a_portfolio_counts_its_own_versions(desk: Desk) -> None:
    first, second = desk.log("d1"), desk.log("d2")
    place = portfolio(desk)
    assert portfolios.link(desk.connection, place, second, ["champion"]).number == 0
    assert portfolios.link(desk.connection, place, first, []).number == 1
    assert portfolios.link(desk.connection, place, second, []).number == 0  # it was there
    assert found(desk, "best:latest") == (second.pk, 0)
    assert found(desk, "best:v1") == (first.pk, 1)
    assert found(desk, "best:champion") == (second.pk, 0)
    linked = portfolios.memberships(desk.connection, versions.require(desk.connection, second.pk))
    assert [(one.collection.name, one.number) for one in linked] == [("data", 1), ("best", 0)]
    assert [alias.name for alias in first.aliases] == ["latest"]
    portfolios.unlink(desk.connection, place, second)
    assert (found(desk, "best:champion"), found(desk, "best:latest")) == (None, (first.pk, 1))
    assert found(desk, "data:v1") == (second.pk, 1)


def test_a_portfolio_and_a_sequence_cannot_share_a_name(desk: Desk) -> None:
    desk.log("d1")
    with pytest.raises(Conflict):
        portfolio(desk, "data")
    portfolio(desk)
    with pytest.raises(Conflict, match="portfolio"):
        desk.log("d2", name="best")


def test_tags_are_given_and_taken(desk: Desk) -> None:
    desk.log("d1")
    one = named(desk, "data")
    collections.tag(desk.connection, one, ["b", "a", "a"], [])
    collections.tag(desk.connection, one, ["c"], ["b", "never"])
    assert list(collections.describe(desk.connection, [one])[0].tags) == ["a", "c"]
    with pytest.raises(UsageError, match="Invalid tag"):
        collections.tag(desk.connection, one, ["no/slash"], [])


def test_versions_come_in_pages_that_nothing_added_meanwhile_disturbs(desk: Desk) -> None:
    made = [desk.log(f"d{n}") for n in range(5)]
    one = named(desk, "data")
    first = versions.page(desk.connection, one, None, None, None, 2)
    assert ([number for _, number in first.items], first.more, first.total()) == ([4, 3], True, 5)
    desk.log("d5")
    rest = versions.page(desk.connection, one, None, None, first.cursors[-1], 9)
    assert ([number for _, number in rest.items], rest.more) == ([2, 1, 0], False)
    assert [pk for pk, _ in rest.items] == [made[2].pk, made[1].pk, made[0].pk]


@pytest.mark.parametrize(
    ("order", "numbers"), [("version_index", [0, 1, 2]), ("+createdAt", [0, 1, 2]), ("-versionIndex", [2, 1, 0])]
)
def test_versions_are_ordered_as_asked(desk: Desk, order: str, numbers: list[int]) -> None:
    for n in range(3):
        desk.log(f"d{n}")
    cursor: str | None = None
    seen = []
    for _ in range(3):
        page = versions.page(desk.connection, named(desk, "data"), None, order, cursor, 1)
        seen += [number for _, number in page.items]
        cursor = page.cursors[-1]
    assert (seen, page.more) == (numbers, False)


@pytest.mark.parametrize(
    ("given", "numbers"),
    [
        ({"state": "COMMITTED"}, [2, 1, 0]),
        ({"state": "PENDING"}, []),
        ({"version_index": {"$gte": 1, "$lt": 2}}, [1]),
        ({"$or": [{"versionIndex": 0}, {"digest": {"$in": ["d2"]}}]}, [2, 0]),
        ({"$not": {"digest": {"$contains": "1"}}}, [2, 0]),
        ({"$and": [{"size": 0}, {"version_index": {"$nin": [0, 1]}}]}, [2]),
    ],
)
def test_versions_are_filtered(desk: Desk, given: Any, numbers: list[int]) -> None:
    for n in range(3):
        desk.log(f"d{n}")
    page = versions.page(desk.connection, named(desk, "data"), given, None, None, None)
    assert [number for _, number in page.items] == numbers


@pytest.mark.row("X16")
@pytest.mark.parametrize(
    "given",
    [
        {"password": 1},
        {"digest": {"$where": "1"}},
        {"digest": {"$regex": "(a+)+$"}},
        {"digest": {"$in": "text"}},
        {"$or": []},
        [],
        "text",
        {"$and": [{"digest": {"$eq": {"deep": 1}}}]},
    ],
)
def test_filters_of_other_columns_and_operators_are_refused(desk: Desk, given: Any) -> None:
    desk.log("d1")
    with pytest.raises(UsageError):
        versions.page(desk.connection, named(desk, "data"), given, None, None, None)


@pytest.mark.row("X16")
def test_orders_and_cursors_are_no_way_into_the_database(desk: Desk) -> None:
    desk.log("d1")
    for order, after in (("id; DROP TABLE run", None), ("-bucket", None), (None, "%00"), (None, "eyJhIjoxfQ==")):
        with pytest.raises(UsageError):
            versions.page(desk.connection, named(desk, "data"), None, order, after, None)


@pytest.mark.row("X10")
def test_a_deep_filter_is_refused(desk: Desk) -> None:
    desk.log("d1")
    given: Any = {"digest": "d1"}
    for _ in range(1000):
        given = {"$not": given}
    with pytest.raises(UsageError):
        versions.page(desk.connection, named(desk, "data"), given, None, None, None)


def test_collections_and_types_are_counted_filtered_and_ordered(desk: Desk) -> None:
    for name in ("b", "a", "c"):
        desk.log("d1", name=name)
    portfolio(desk, "d")
    desk.draft("d2", name="only-drafted")

    def page(given: Any = None, order: str | None = None, first: int | None = None) -> Any:
        return collections.page(desk.connection, desk.project_pk, "dataset", given, order, None, first)

    assert [one.name for one in page().items] == ["d", "c", "a", "b"]
    assert [one.name for one in page(order="name").items] == ["a", "b", "c", "d"]
    assert [one.name for one in page({"name": {"$in": ["a", "b"]}}, "-name", 1).items] == ["b"]
    assert (page(first=1).total(), page({"name": "a"}).total(), page(order="createdAt").total()) == (4, 1, 4)
    assert [name for _, name in types.page(desk.connection, desk.project_pk, None, None).items] == ["dataset"]


def test_lists_that_are_whole_are_paged_as_well() -> None:
    items = ["a", "b", "c", "d", "e"]
    first = paging.cut_list(items, str, None, 2)
    second = paging.cut_list(items, str, first.cursors[-1], 2)
    last = paging.cut_list([*items, "f"], str, second.cursors[-1], None)
    assert [list(page.items) for page in (first, second, last)] == [["a", "b"], ["c", "d"], ["e", "f"]]
    assert [page.more for page in (first, second, last)] == [True, True, False]
    assert first.total() == 5
