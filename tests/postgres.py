"""A PostgreSQL server for tests: Debian's programs, a cluster in a directory of its own, removed at the end."""

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.servers import free_port, postgres_programs
from wabucketref.trackers.embedded.engine import Catalog
from wabucketref.trackers.embedded.migrate import ensure_schema

USER: Final = "wabucket"
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
    "max_wal_senders": "0",
    "wal_level": "minimal",
    "autovacuum": "off",
    "timezone": "Pacific/Auckland",  # moments are kept in UTC wherever the server is
}


@dataclass
class Cluster:
    """One server and its databases."""

    directory: Path
    port: int

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def url(self, database: str, *, port: int | None = None) -> str:
        """What ``WABUCKET_CATALOG`` is set to."""
        return f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{port or self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """As :meth:`url`, by a socket in the file system, where nobody is asked for a password."""
        return f"postgresql://{USER}@/{database}?host={self.directory}&port={self.port}"

    def make(self, *, empty: bool = False) -> str:
        """A new database with a catalog in it, or with nothing; its name."""
        name = f"test_{uuid.uuid4().hex[:16]}"
        self.sql(f'CREATE DATABASE "{name}" TEMPLATE {"template0" if empty else _TEMPLATE}')
        return name

    def drop(self, name: str) -> None:
        self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the owner of everything; the rows of its answer."""
        import psycopg

        with psycopg.connect(self.socket_url(database), autocommit=True, connect_timeout=LIMIT) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def start(self) -> None:
        """Returns when it accepts."""
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        self._control(
            "start", "-w", "-t", str(LIMIT), "-l", "server.log", "-o", f"-p {self.port} -k {self.directory} {options}"
        )

    def stop(self, mode: str = "immediate") -> None:
        """``immediate`` is as if it were killed: it recovers at its next start."""
        self._control("stop", "-w", "-m", mode)

    def restart(self, mode: str = "immediate") -> None:
        """As ``pg_ctl restart -m MODE``."""
        self._control("restart", "-w", "-t", str(LIMIT), "-l", "server.log", "-m", mode)

    def _control(self, what: str, *arguments: str) -> None:
        _run(self.directory, "pg_ctl", what, "-s", "-D", "data", *arguments)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A server until the block ends."""
    # Short, because the path of a socket may have 107 bytes; and everybody can pass, because root may not serve.
    with tempfile.TemporaryDirectory(prefix="wabucket-pg-") as name:
        made = Cluster(Path(name), free_port())
        if os.geteuid() == 0:
            os.chown(name, NOBODY, NOBODY)
        _run(made.directory, "initdb", "-D", "data", "-U", USER, *_INIT)
        made.start()
        try:
            made.sql(f"ALTER ROLE {USER} PASSWORD '{PASSWORD}'")
            made.sql(f"CREATE DATABASE {_TEMPLATE}")
            with closing(Catalog(made.url(_TEMPLATE))) as catalog:
                ensure_schema(catalog)
            yield made
        finally:
            made.stop()


_INIT: Final = ("--auth-local=trust", "--auth-host=md5", "--no-sync", "--no-instructions", "-E", "UTF8", "--locale=C")


def _run(directory: Path, program: str, *arguments: str) -> None:
    binaries = postgres_programs()
    assert binaries is not None
    before: Sequence[str] = ()
    if os.geteuid() == 0:
        before = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
    command = [*before, str(binaries / program), *arguments]
    with (directory / "commands.log").open("ab") as out:  # a pipe would be kept open by the server
        ran = subprocess.run(
            command, cwd=directory, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=2 * LIMIT
        )
    if ran.returncode != 0:
        said = (directory / "commands.log").read_text(errors="replace")[-2000:]
        log = directory / "server.log"
        raise RuntimeError(f"{program} {' '.join(arguments)}: {said}{log.read_text()[-2000:] if log.exists() else ''}")
