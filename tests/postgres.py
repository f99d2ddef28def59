"""A PostgreSQL server for tests: Debian's programs, a cluster in a directory of its own, removed at the end."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from tests.servers import free_port, postgres_programs
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import ensure_schema

ADMIN: Final = "postgres"
USER: Final = "team"
"""Owns the catalogs and may do nothing else."""
PASSWORD: Final = "not-to-be-shown-anywhere"  # only ever given to a server on loopback
NOBODY: Final = 65534
LIMIT: Final = 60
_TEMPLATE: Final = "wabucket_template"

# Nothing here outlives the machine, so nothing is synced; what is committed still outlives the server.
_SETTINGS: Final = {
    "fsync": "off",
    "full_page_writes": "off",
    "listen_addresses": "127.0.0.1",
    "shared_buffers": "16MB",
    "max_connections": "100",
    "password_encryption": "md5",  # cheap: a test connects often
    "autovacuum": "off",
    "timezone": "Pacific/Auckland",  # moments are kept in UTC wherever the server is
}


@dataclass
class Cluster:
    """One server and its databases."""

    directory: Path
    port: int
    data: str = "data"

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def url(self, database: str, *, port: int | None = None, **query: str) -> str:
        """What ``WABUCKET_CATALOG`` is set to."""
        more = f"?{urlencode(query)}" if query else ""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port or self.port}/{database}{more}"

    def socket_url(self, database: str, user: str = USER) -> str:
        """As :meth:`url`, by a socket in the file system, where nobody is asked for a password."""
        return f"postgresql://{user}@/{database}?host={self.directory}&port={self.port}"

    def make(self, *, empty: bool = False) -> str:
        """A new database with a catalog in it, or with nothing; its name."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self.sql(f'CREATE DATABASE "{name}" OWNER {USER} TEMPLATE {"template0" if empty else _TEMPLATE}')
        return name

    def drop(self, name: str) -> None:
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as one who may do everything; the rows of its answer."""
        import psycopg

        with psycopg.connect(self.socket_url(database, ADMIN), autocommit=True, connect_timeout=LIMIT) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    @contextmanager
    def standby(self) -> Iterator["Cluster"]:
        """A second server with all that this one has now. It only follows, until it is promoted."""
        made = replace(self, port=free_port(), data=f"standby-{uuid.uuid4().hex[:8]}")
        self.stop("fast")
        _run(self.directory, "cp", "-r", self.data, made.data)
        self.start()
        (self.directory / made.data / "standby.signal").touch()
        made.start()
        try:
            yield made
        finally:
            made.stop()

    def promote(self) -> None:
        """Let a standby take writes."""
        self._control("promote", "-w", "-t", str(LIMIT))

    def start(self) -> None:
        """Returns when it accepts."""
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        self._control(
            "start", "-w", "-t", str(LIMIT), "-l", self._log, "-o", f"-p {self.port} -k {self.directory} {options}"
        )

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` is as if it were killed: it recovers at its next start."""
        self._control("stop", "-w", "-m", mode)

    def restart(self, mode: str = "immediate") -> None:
        """As ``pg_ctl restart -m MODE``."""
        self._control("restart", "-w", "-t", str(LIMIT), "-l", self._log, "-m", mode)

    @property
    def _log(self) -> str:
        return f"{self.data}.log"

    def _control(self, what: str, *arguments: str) -> None:
        _run(self.directory, "pg_ctl", what, "-s", "-D", self.data, *arguments)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server until the block ends."""
    # Short, because the path of a socket may have 107 bytes; and everybody can pass, because root may not serve.
    with tempfile.TemporaryDirectory(prefix="wabucket-pg-", dir=_in_memory()) as name:
        made = Cluster(Path(name), free_port())
        if os.geteuid() == 0:
            os.chown(name, NOBODY, NOBODY)
        _run(made.directory, "initdb", "-D", "data", "-U", ADMIN, *_INIT, *_ORDER)
        made.start()
        try:
            made.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")
            made.sql(f"CREATE DATABASE {_TEMPLATE} OWNER {USER}")
            with closing(Catalog(made.url(_TEMPLATE))) as catalog:
                ensure_schema(catalog)
            yield made
        finally:
            made.stop()


def _in_memory() -> str | None:
    """A disk in memory where there is one with room, since nothing here outlives the machine."""
    place = "/dev/shm"
    return place if os.access(place, os.W_OK) and shutil.disk_usage(place).free >= 1 << 30 else None


_INIT: Final = (
    "--auth-local=trust",
    "--auth-host=md5",
    "--no-sync",
    "--no-instructions",
    "-E",
    "UTF8",
    "--locale=C.UTF-8",
)
# Words are ordered as people do it, not by their bytes: nothing of ours may depend on that.
_ORDER: Final = ("--locale-provider=icu", "--icu-locale=en-US")


def _run(directory: Path, program: str, *arguments: str) -> None:
    binaries = postgres_programs()
    assert binaries is not None
    before: Sequence[str] = ()
    if os.geteuid() == 0:
        before = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    ours = binaries / program
    command = [*before, str(ours) if ours.exists() else program, *arguments]
    with (directory / "commands.log").open("ab") as out:  # a pipe would be kept open by the server
        ran = subprocess.run(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=2 * LIMIT
        )
    if ran.returncode != 0:
        logs = "".join(log.read_text(errors="replace")[-2000:] for log in directory.glob("*.log"))
        raise RuntimeError(f"{program} {' '.join(arguments)}: {logs}")
