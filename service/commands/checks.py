"""What `lockstep doctor` looks at: everything that a service stands on."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kombu import Connection
from sqlalchemy.exc import SQLAlchemyError

from lockstep import service
from lockstep.service.bell import tls_of
from lockstep.service.commands.access import DEFAULT_DATA_DIR, CommandError, client_of, find_access
from lockstep.service.commands.place import find_settings, reason_of
from lockstep.service.commands.sizes import in_words
from lockstep.service.parts import PINS, SHOWN_DIGITS
from lockstep.service.retention import ages_of, due
from lockstep.service.settings import Settings
from lockstep.service.store.address import BadAddress
from lockstep.service.store.amounts import database_bytes, stored
from lockstep.service.store.database import Database, now
from lockstep.service.store.migrating import is_migrated
from lockstep.service.store.space import room_of
from lockstep.service.store.workers import list_workers

BROKER_SECONDS = 3.0
CLOCK_SECONDS = 2.0
WAL_FIXED_IN = (3, 51, 3)
BLAS_VARIABLES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")

Grade = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """What one look has found."""

    about: str
    grade: Grade
    text: str


def findings(data_dir: Path | None) -> Iterator[Finding]:
    """Look at one thing after the other."""
    settings = find_settings(data_dir)
    for look in (_python, _numpy, _page, _key, _database, _broker):
        yield from look(settings)
    yield from _logs(data_dir)
    yield _service(data_dir)


def _python(_: Settings) -> Iterator[Finding]:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    text = f"{platform.python_version()} ({sys.executable}), {platform.machine()}, {cores} cores"
    yield Finding("python", "ok", text)


def _numpy(_: Settings) -> Iterator[Finding]:
    # As a worker does before it imports NumPy: the fingerprint is that of one BLAS thread.
    os.environ.update(dict.fromkeys(BLAS_VARIABLES, "1"))
    import numpy as np

    from lockstep.core.ground.arithmetic import lineage
    from lockstep.core.group.fingerprint import numerics_fingerprint

    blas = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    pins = [f"{name}={os.environ[name]}" for name in PINS.values() if os.environ.get(name)]
    pinned = f", pinned by {' '.join(pins)}" if pins else ""
    yield Finding(
        "numpy",
        "ok",
        f"{np.__version__} on {blas['name']} {blas['version']}, one thread in each worker{pinned}; "
        f"fingerprint {lineage(numerics_fingerprint())[-1][:SHOWN_DIGITS]}",
    )


def _page(_: Settings) -> Iterator[Finding]:
    index = Path(service.__file__).parent / "dashboard" / "dist" / "index.html"
    if index.exists():
        yield Finding("page", "ok", "built")
    else:
        yield Finding("page", "warning", "not built, so / shows none; `make install` builds it")


def _key(settings: Settings) -> Iterator[Finding]:
    if settings.uses_example_key():
        yield Finding("key", "warning", "LOCKSTEP_API_KEY is the example's, which everybody knows: change it")
    elif settings.api_key is None:
        yield Finding("key", "ok", "no LOCKSTEP_API_KEY here; keys come from `lockstep keys add`")
    else:
        yield Finding("key", "ok", "an administrator's key of your own is set")


def _database(settings: Settings) -> Iterator[Finding]:
    try:
        database = Database(settings.database_url)
    except BadAddress as error:
        yield Finding("database", "error", f"LOCKSTEP_DATABASE_URL: {error}")
        return
    try:
        yield from _look_into(database)
        yield from _sizes(database, settings)
    except SQLAlchemyError as error:
        yield Finding("database", "error", f"does not answer: {reason_of(error)}")
    finally:
        database.dispose()


def _look_into(database: Database) -> Iterator[Finding]:
    with database.read() as tx:
        name = tx.dialect.name
        version = tx.dialect.server_version_info or ()
        database_now = now(tx)
        migrated = is_migrated(tx)
        workers = [one for one in list_workers(tx) if one.present] if migrated else []
    if migrated:
        yield Finding("database", "ok", f"{name} {'.'.join(map(str, version))}, tables of this version")
    else:
        yield Finding("database", "error", "its tables are not this version's: run `lockstep migrate`")
    if name == "sqlite" and version < WAL_FIXED_IN:
        wanted = ".".join(map(str, WAL_FIXED_IN))
        yield Finding("sqlite", "ok", f"older than {wanted}, whose WAL fix Lockstep does without")
    away = abs(database_now - time.time())
    if away > CLOCK_SECONDS:
        yield Finding("clock", "warning", f"{away:.1f} s off the database's; ages look wrong here")
    else:
        yield Finding("clock", "ok", "agrees with the database's")
    if migrated:
        yield _workers_finding([worker.fingerprint for worker in workers])


def _sizes(database: Database, settings: Settings) -> Iterator[Finding]:
    """How large everything is, and what of it goes by the settings."""
    with database.read() as tx:
        if not is_migrated(tx):
            return
        size, room = database_bytes(tx), room_of(tx)
        found = stored(tx)
    free = "" if room is None else f", {in_words(room.free_bytes)} of it free"
    parts = ", ".join(f"{amount.of} {in_words(amount.size_bytes)}" for amount in found if amount.rows)
    yield Finding("size", "ok", f"{in_words(size)}{free}{f': {parts}' if parts else ''}")
    if room is not None and not room.shrinks:
        text = (
            "its file was made by a version before and can't get shorter, though free room is used again: "
            "`lockstep up` mends that at its next start, up to 512 MiB; else, when all is stopped, "
            '`sqlite3 FILE "PRAGMA auto_vacuum=2; VACUUM"`'
        )
        yield Finding("size", "warning", text)
    amounts = due(database, ages_of(settings))
    if not amounts:
        yield Finding("retention", "ok", "nothing has been kept longer than the settings say")
        return
    words = ", ".join(f"{each.rows:,} {each.of} ({in_words(each.size_bytes)})" for each in amounts)
    yield Finding("retention", "ok", f"goes next: {words}; the service does it, `lockstep prune` at once")


def _logs(data_dir: Path | None) -> Iterator[Finding]:
    logs = [*(data_dir or DEFAULT_DATA_DIR).glob("logs/*.log*")]
    if logs:
        size = sum(log.stat().st_size for log in logs)
        yield Finding("logs", "ok", f"{in_words(size)} in {len(logs)} files; each is put aside at 8 MiB")


def _workers_finding(fingerprints: list[str | None]) -> Finding:
    kinds = sorted({(fingerprint or "not known yet")[:SHOWN_DIGITS] for fingerprint in fingerprints})
    if not fingerprints:
        return Finding("workers", "warning", "none is running: jobs wait; `lockstep worker` or `lockstep up`")
    if len(kinds) > 1:
        advice = "a job stays with one of them; `lockstep doctor --numerics` on each says in what they differ"
        text = f"{len(fingerprints)}, of fingerprints {', '.join(kinds)}: {advice}"
        return Finding("workers", "warning", text)
    return Finding("workers", "ok", f"{len(fingerprints)}, all of fingerprint {kinds[0]}")


def _broker(settings: Settings) -> Iterator[Finding]:
    options = {"socket_connect_timeout": BROKER_SECONDS, "socket_timeout": BROKER_SECONDS}
    try:
        tls = tls_of(settings.broker_url)
        with Connection(settings.broker_url, ssl=tls or False, transport_options=options) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
    except Exception as error:  # each transport has errors of its own
        yield Finding("broker", "warning", f"does not answer ({error}); jobs start later, none is lost")
    else:
        yield Finding("broker", "ok", "answers")


def _service(data_dir: Path | None) -> Finding:
    try:
        access = find_access(data_dir)
        with client_of(access) as client:
            if client.is_ready():
                return Finding("service", "ok", f"{access.url} answers and is ready")
    except CommandError as error:
        return Finding("service", "warning", str(error))
    return Finding("service", "warning", f"{access.url} does not answer, or its database does not")
