"""Doctor: what it finds wrong in a home, each with what to do."""

import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from wabucketref.operations.doctor import Probe, doctor
from wabucketref.operations.workspace import Workspace
from wabucketref.service.remote.place import Place
from wabucketref.settings import load_settings
from wabucketref.wiring import open_workspace


@pytest.fixture
def ws(tmp_path: Path) -> Iterator[Workspace]:
    given = {"project_name": "demo", "home": str(tmp_path / "home"), "tracker": "embedded"}
    with open_workspace(load_settings(given)) as workspace:
        yield workspace


def probe(ws: Workspace, name: str) -> Probe:
    return next(one for one in doctor(ws) if one.name == name)


def test_a_new_home_is_well(ws: Workspace) -> None:
    assert [one.name for one in doctor(ws) if one.ok is False] == []
    assert probe(ws, "service").ok is None


def test_a_killed_service_is_named(ws: Workspace) -> None:
    place = Place.of(ws.settings.home)
    place.make()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place.socket))
    found = probe(ws, "service")
    assert "was killed" in found.text
    assert found.hint is not None


def test_damage_of_a_journal_is_named(ws: Workspace) -> None:
    directory = ws.settings.home / "journal"
    directory.mkdir(parents=True)
    (directory / "r1.journal.damaged-40").write_bytes(b"?")
    found = probe(ws, "journal")
    assert found.ok is False
    assert "r1.journal.damaged-40" in found.text


def test_a_waiting_journal_is_named(ws: Workspace) -> None:
    ws.start_run(single_operation=False)
    ws.service.close()
    found = probe(ws, "journal")
    assert (found.ok, found.hint) == (True, "run `wabucket sync`")


@pytest.mark.row("R2")
def test_damage_of_the_catalog_is_named(ws: Workspace) -> None:
    ws.start_run(single_operation=False).finish()
    path = ws.settings.home / "catalog.sqlite"
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        pages = raw.execute("PRAGMA page_count").fetchone()[0]
    raw.close()
    with path.open("r+b") as file:
        for page in range(2, pages):
            file.seek(page * 4096)
            file.write(b"\xff" * 64)
    found = probe(ws, "tracker")
    assert found.ok is False
    assert "damaged" in found.text
    assert "wabucket rebuild" in (found.hint or "")


@pytest.mark.row("R2")
def test_a_catalog_that_was_set_aside_is_named(ws: Workspace) -> None:
    path = ws.settings.home / "catalog.sqlite.damaged-20260101T000000.000000Z"
    for suffix in ("", "-wal"):
        path.with_name(path.name + suffix).touch()
    found = probe(ws, "tracker")
    assert (found.ok, path.name in found.text, "-wal" in found.text) == (True, True, False)
