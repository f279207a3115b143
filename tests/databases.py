"""Databases for tests: each test that asks for `database` runs on SQLite and on PostgreSQL, on a fresh copy.

PostgreSQL is a cluster of the tests' own, on a unix socket in a temporary folder, never a machine's.
"""

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from lockstep.service.store.database import Database
from lockstep.service.store.migrating import migrate
from lockstep.service.store.tables import metadata

START_SECONDS = 30.0
MEMORY = Path("/dev/shm")  # noqa: S108 - Linux's folder in memory; what is made in it has a name of its own
MEMORY_BYTES = 2**30
"""Less room is left to others."""
PR_SET_PDEATHSIG = 1
CONFIGURATION = """
listen_addresses = ''
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
max_connections = 200
shared_buffers = 32MB
"""


@dataclass(frozen=True, kw_only=True)
class PostgresqlCluster:
    """A running cluster, with an empty, migrated database to copy from.

    Copies are emptied and used again: making one takes a hundred times as long.
    """

    folder: Path
    numbers: Iterator[int] = field(default_factory=count)
    free: list[str] = field(default_factory=list)

    def url(self, name: str) -> str:
        """The address of one of its databases."""
        return f"postgresql://postgres@/{name}?host={self.folder}"

    def administer(self, statement: str) -> None:
        """Run a statement that no transaction may hold."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def take(self) -> str:
        """The name of an empty, migrated database that nobody else uses."""
        if self.free:
            return self.free.pop()
        name = f"test_{next(self.numbers)}"
        self.administer(f"CREATE DATABASE {name} TEMPLATE migrated")
        return name

    def give_back(self, name: str) -> None:
        """Empty a database again, and end the connections that its test left behind."""
        with psycopg.connect(self.url(name)) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            for table in reversed(metadata.sorted_tables):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        self.free.append(name)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlCluster]:
    """A PostgreSQL cluster for this session; without PostgreSQL its tests are skipped, but never under CI."""
    programs = find_postgresql()
    if programs is None:
        if os.environ.get("CI"):
            pytest.fail("PostgreSQL's initdb is neither on PATH nor in /usr/lib/postgresql/*/bin: install it")
        pytest.skip("PostgreSQL is not installed")
    folder = Path(tempfile.mkdtemp(prefix="lockstep-pg-"))
    server = _start(programs, folder)
    try:
        cluster = PostgresqlCluster(folder=folder)
        _wait_until_ready(cluster, server)
        cluster.administer("CREATE DATABASE migrated")
        migrate(cluster.url("migrated"))
        yield cluster
    finally:
        server.send_signal(signal.SIGQUIT)
        server.wait(START_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def migrated_sqlite_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy from."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
def sqlite_url(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite_path: Path) -> Iterator[str]:
    """The address of a migrated SQLite database of the test's own, in memory where there is room.

    On a disk each commit waits for it. What survives a crash is for tests/system, whose files lie on one.
    """
    roomy = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > MEMORY_BYTES
    with tempfile.TemporaryDirectory(
        prefix="lockstep-db-",
        dir=MEMORY if roomy else tmp_path_factory.getbasetemp(),
        ignore_cleanup_errors=True,  # a thread that a test gave up may still write
    ) as folder:
        path = Path(folder) / "lockstep.db"
        shutil.copyfile(migrated_sqlite_path, path)
        yield f"sqlite:///{path}"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a migrated database of the test's own, once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    cluster: PostgresqlCluster = request.getfixturevalue("postgresql")
    name = cluster.take()
    yield cluster.url(name)
    cluster.give_back(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database of the test's own, once on SQLite and once on PostgreSQL."""
    database = Database(database_url)
    yield database
    database.dispose()


def find_postgresql() -> Path | None:
    """The folder of PostgreSQL's server programs; None where they are not installed."""
    on_path = shutil.which("initdb")
    if on_path is not None:
        return Path(on_path).parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


def _start(programs: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Make a cluster in `folder` and start it. PostgreSQL refuses to run as root, so root lends it a user."""
    user = other_user() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    uid, gid = (None, None) if user is None else (user.pw_uid, user.pw_gid)
    data = folder / "data"
    with (folder / "log").open("wb") as log:
        options = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"]
        made = subprocess.run(
            [programs / "initdb", "-D", data, *options], timeout=START_SECONDS, check=False, cwd=folder,
            user=uid, group=gid, extra_groups=[] if user else None, stdout=log, stderr=log,
        )  # fmt: skip
        if made.returncode != 0:
            pytest.fail(f"initdb failed: {(folder / 'log').read_text()}")
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write(CONFIGURATION)
        return subprocess.Popen(
            [programs / "postgres", "-D", data, "-k", folder],
            user=uid, group=gid, extra_groups=[] if user else None, cwd=folder,
            stdout=log, stderr=log, preexec_fn=die_with_parent, start_new_session=True,
        )  # fmt: skip


def other_user() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam("postgres")
    except KeyError:
        return pwd.getpwnam("nobody")


def die_with_parent(number: int = signal.SIGQUIT) -> None:
    # A session that is killed leaves no server behind (Linux only; elsewhere the fixture's end has to do).
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, number)


def _wait_until_ready(cluster: PostgresqlCluster, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            cluster.administer("SELECT 1")
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                log = (cluster.folder / "log").read_text()
                pytest.fail(f"PostgreSQL did not start: {error}\n{log}")
        time.sleep(0.02)
