"""The schema: made at once, recognised, migrated whole or not at all."""

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from tests.unit.trackers.helpers import PROJECT, ref, run, upload
from tests.unit.trackers.revisions import REBUILD, scripts
from wabucketref.errors import UpgradeRequired, WaBucketError
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import SHIPPED, Scripts, ensure_schema
from wabucketref.trackers.embedded.tracker import EmbeddedTracker


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def schema_of(path: Path) -> list[tuple[str, str, str]]:
    with closing(sqlite3.connect(path)) as raw:
        rows = raw.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()
    return [(kind, name, "".join((sql or "").split())) for kind, name, sql in rows]


def stamped(path: Path) -> str:
    with closing(sqlite3.connect(path)) as raw:
        return str(raw.execute("SELECT version_num FROM alembic_version").fetchone()[0])


def test_migrations_lead_to_the_tables(url: str, tmp_path: Path) -> None:
    EmbeddedTracker(url).close()
    migrated = tmp_path / "migrated.sqlite"
    with closing(sqlite3.connect(migrated)) as raw, raw:
        raw.execute(
            "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
            "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
        )
        raw.execute("INSERT INTO alembic_version VALUES ('0000')")
    folder = tmp_path / "migrations"
    shutil.copytree(SHIPPED.location, folder)
    (folder / "versions" / "0000_none.py").write_text(
        'revision = "0000"\ndown_revision = None\n\n\ndef upgrade() -> None:\n    pass\n'
    )
    first = next((folder / "versions").glob("0001*.py"))
    first.write_text(first.read_text().replace("down_revision = None", 'down_revision = "0000"'))
    with closing(Catalog(f"sqlite:///{migrated}")) as catalog:
        assert ensure_schema(catalog, Scripts(folder, ("0000", *SHIPPED.revisions))) is False
    assert schema_of(migrated) == schema_of(path_of(url))


def test_known_revisions_are_those_shipped() -> None:
    settings = Config()
    settings.set_main_option("script_location", str(SHIPPED.location))
    found = ScriptDirectory.from_config(settings)
    assert tuple(reversed([one.revision for one in found.walk_revisions()])) == SHIPPED.revisions
    assert found.get_heads() == [SHIPPED.head]


def test_a_fresh_catalog_says_so(url: str) -> None:
    for made in (True, False):
        with closing(EmbeddedTracker(url)) as tracker:
            assert tracker.made_anew is made


def test_an_older_catalog_is_backed_up_and_migrated(url: str, tmp_path: Path) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        tracker.log_artifact(run(tracker, notes="kept"), upload("a"))
    before = schema_of(path_of(url))
    with closing(Catalog(url)) as catalog:
        ensure_schema(catalog, scripts(tmp_path / "m", REBUILD))
    with closing(sqlite3.connect(path_of(url))) as raw:
        assert raw.execute("SELECT remarks, priority FROM run").fetchall() == [("kept", None)]
        assert raw.execute("SELECT count(*) FROM run_output").fetchone() == (1,)
    assert stamped(path_of(url)) == f"{len(SHIPPED.revisions) + 1:04}"
    backup = path_of(url).with_name(f"catalog.sqlite.{SHIPPED.head}.bak")
    assert schema_of(backup) == before
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(EmbeddedTracker(f"sqlite:///{backup}")) as tracker:
        assert tracker.resolve(ref("a"), PROJECT).version == "v0"


@pytest.mark.parametrize(
    "body",
    [
        'op.execute("SELECT no_such_column FROM run")',
        'raise RuntimeError("died")',
        'op.execute("DELETE FROM run")',
    ],
    ids=["statement", "exception", "lost references"],
)
def test_a_migration_that_fails_changes_nothing(body: str, url: str, tmp_path: Path) -> None:
    with closing(EmbeddedTracker(url)) as tracker:
        tracker.log_artifact(run(tracker), upload("a"))
    before = schema_of(path_of(url))
    with closing(Catalog(url)) as catalog, pytest.raises((WaBucketError, RuntimeError)):
        ensure_schema(catalog, scripts(tmp_path / "m", REBUILD, body))
    assert schema_of(path_of(url)) == before
    with closing(EmbeddedTracker(url)) as tracker:
        assert tracker.resolve(ref("a"), PROJECT).version == "v0"


def test_a_newer_catalog_asks_for_an_upgrade(url: str) -> None:
    EmbeddedTracker(url).close()
    with closing(sqlite3.connect(path_of(url))) as raw, raw:
        raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(UpgradeRequired, match="9999") as caught:
        EmbeddedTracker(url)
    assert caught.value.exit_code == 2
    assert caught.value.hint == "upgrade wabucket"


def test_another_programs_database_is_left_alone(url: str) -> None:
    path_of(url).parent.mkdir()
    with closing(sqlite3.connect(path_of(url))) as raw, raw:
        raw.execute("CREATE TABLE photos (id INTEGER)")
    with pytest.raises(WaBucketError, match="another program"):
        EmbeddedTracker(url)
    assert [name for _, name, _ in schema_of(path_of(url))] == ["photos"]


def test_alembic_is_not_imported_for_everyday_work(url: str) -> None:
    code = (
        "import sys; from wabucketref.trackers.embedded.tracker import EmbeddedTracker as T; "
        f"T({url!r}).close(); T({url!r}).close(); "
        "print([m for m in sys.modules if m.split('.')[0] in ('alembic', 'wandb', 'pydantic', 's3fs')"
        " or m == 'sqlalchemy.dialects.postgresql'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
