"""A PostgreSQL server of the campaign's own, whose commits are durable, and which can be stopped at once."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from tests.chaos.ledger.plain_sql import PlainPostgresql
from tests.databases import die_with_parent, find_postgresql, other_user

START_SECONDS = 60.0
CONFIGURATION = """
listen_addresses = ''
fsync = on
synchronous_commit = on
full_page_writes = on
max_connections = 200
shared_buffers = 32MB
"""
_IN_COMMIT = (
    "SELECT pid, query, state FROM pg_stat_activity WHERE application_name = 'lockstep'"
    " AND backend_xid IS NOT NULL"
)


@dataclass(kw_only=True)
class DurablePostgresql:
    """A cluster in a folder of its own, on a unix socket. Started from the main thread alone."""

    programs: Path
    folder: Path
    server: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address of the service's database."""
        return f"postgresql://postgres@/lockstep?host={self.folder}"

    @property
    def plain(self) -> PlainPostgresql:
        """The service's database by plain SQL."""
        return PlainPostgresql(self.url)

    def start(self) -> None:
        """Start the server, unless it runs; does not wait until it answers."""
        if self.server is not None and self.server.poll() is None:
            return
        # What a server that was stopped at once leaves behind would keep the next from starting.
        with (self.folder / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                preexec_fn=partial(die_with_parent, signal.SIGQUIT),
                start_new_session=True,
                **_lent_user(),
            )

    def wait_until_ready(self) -> None:
        """Wait until it answers. Raises RuntimeError where it does not."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(f"postgresql://postgres@/postgres?host={self.folder}").close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > deadline:
                    log = (self.folder / "log").read_text()[-3000:]
                    raise RuntimeError(f"PostgreSQL does not answer: {error}\n{log}") from error
            time.sleep(0.05)

    def stop_at_once(self) -> None:
        """As `pg_ctl stop -m immediate` does: no transaction is ended, and recovery comes with the start."""
        if self.server is not None and self.server.poll() is None:
            self.server.send_signal(signal.SIGQUIT)
            try:
                self.server.wait(10)
            except subprocess.TimeoutExpired:
                self.server.kill()
                self.server.wait(10)

    def end_a_committing_backend(self, seconds: float) -> dict[str, Any] | None:
        """End the session of a transaction that has written, best while it commits; None: there was none."""
        deadline = time.monotonic() + seconds
        found: dict[str, Any] | None = None
        with psycopg.connect(self.url, autocommit=True, application_name=PlainPostgresql.NAME) as connection:
            while time.monotonic() < deadline:
                for pid, query, state in connection.execute(_IN_COMMIT):
                    is_commit = state == "active" and query.strip().upper() == "COMMIT"
                    if is_commit or time.monotonic() > deadline - seconds / 2:
                        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
                        return {"backend": pid, "query": query[:60], "in_commit": is_commit}
        return found

    def close(self) -> None:
        """End it and remove its folder."""
        self.stop_at_once()
        shutil.rmtree(self.folder, ignore_errors=True)


def make_postgresql() -> DurablePostgresql | None:
    """A running cluster with an empty database "lockstep"; None where PostgreSQL is not installed."""
    programs = find_postgresql()
    if programs is None:
        return None
    cluster = DurablePostgresql(programs=programs, folder=Path(tempfile.mkdtemp(prefix="chaos-pg-")))
    lent = _lent_user()
    if lent:
        user = other_user()
        os.chown(cluster.folder, user.pw_uid, user.pw_gid)
    made = subprocess.run(
        [programs / "initdb", "-D", cluster.folder / "data", "-U", "postgres", "-A", "trust", "-E", "UTF8"],
        cwd=cluster.folder,
        timeout=START_SECONDS,
        check=False,
        capture_output=True,
        **lent,
    )
    if made.returncode != 0:
        shutil.rmtree(cluster.folder, ignore_errors=True)
        raise RuntimeError(f"initdb failed: {made.stderr.decode(errors='replace')}")
    with (cluster.folder / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write(CONFIGURATION)
    cluster.start()
    try:
        cluster.wait_until_ready()
        with psycopg.connect(
            f"postgresql://postgres@/postgres?host={cluster.folder}", autocommit=True
        ) as connection:
            connection.execute("CREATE DATABASE lockstep")
    except BaseException:
        cluster.close()
        raise
    return cluster


def _lent_user() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root lends it a user."""
    if os.geteuid() != 0:
        return {}
    user = other_user()
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
