"""A PgBouncer of the tests' own, in transaction mode with its other defaults, before their PostgreSQL."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from tests.databases import PostgresqlCluster, die_with_parent, other_user

START_SECONDS = 20.0
CONFIGURATION = """
[databases]
* = host={cluster} user=postgres
[pgbouncer]
pool_mode = transaction
unix_socket_dir = {folder}
listen_addr =
auth_type = any
"""


@contextmanager
def pgbouncer(cluster: PostgresqlCluster) -> Iterator[Path]:
    """The folder of its socket; without PgBouncer the test is skipped, but never under CI."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("pgbouncer is not installed")
        pytest.skip("pgbouncer is not installed")
    folder = Path(tempfile.mkdtemp(prefix="lockstep-pb-"))
    file = folder / "pgbouncer.ini"
    file.write_text(CONFIGURATION.format(cluster=cluster.folder, folder=folder))
    user = other_user() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user.pw_uid, user.pw_gid)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [program, file], user=None if user is None else user.pw_uid, stdout=log, stderr=log,
            preexec_fn=die_with_parent, start_new_session=True,
        )  # fmt: skip
    try:
        _wait_until_ready(f"postgresql://postgres@/postgres?host={folder}&port=6432", folder / "log")
        yield folder
    finally:
        process.terminate()
        process.wait(START_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _wait_until_ready(url: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline:
                pytest.fail(f"pgbouncer did not start: {error}\n{log.read_text()}")
        time.sleep(0.05)
