"""One part of a campaign: a service lives, is broken for a while, comes to rest, and all is written down."""

import re
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from lockstep.service.store.migrating import migrate
from tests.chaos.ledger import audit, collecting
from tests.chaos.ledger.calls import Caller, Place, Traffic
from tests.chaos.ledger.clients import Clients, Crowd, look, verb
from tests.chaos.ledger.faults import draw
from tests.chaos.ledger.nemesis import Nemesis
from tests.chaos.ledger.plain_sql import UNREACHABLE, PlainSql, PlainSqlite
from tests.chaos.ledger.postgres import DurablePostgresql, make_postgresql
from tests.chaos.ledger.processes import SHORT, make_service, short_folder, wait_until
from tests.chaos.ledger.recording import Recorder
from tests.chaos.ledger.specs import SPECS, expected

Dialect = Literal["sqlite", "postgresql"]
START_SECONDS = 60.0
CALM_SECONDS = 150.0
ANSWER_SECONDS = 20.0
REST_SECONDS = 3.0
"""Until each worker has said that it is idle."""
TICK_SECONDS = 0.02
OK = 200
_OPEN = "SELECT id, status FROM jobs WHERE status NOT IN ('succeeded', 'failed', 'cancelled')"
_WORKERS = "SELECT count(*) AS count FROM workers"
_TOLD = re.compile(
    r"action=(fenced|renewal_refused|evicted|attempt_given_up|attempt_failed|checkpoint_damaged)\b.*"
)


class NoDatabase(Exception):
    """PostgreSQL is not installed."""


@dataclass(frozen=True, kw_only=True)
class PartPlan:
    """What to play. `seconds`: for how long things are broken."""

    number: int
    seed: int
    mix: str
    dialect: Dialect
    seconds: float
    workers: int = 2
    crowd: Crowd = field(default_factory=Crowd)


def play(plan: PartPlan, history: Path) -> None:
    """Play it and write its history. Whatever happens, nothing that it started is left. Raises NoDatabase.

    To be called on the main thread.
    """
    with ExitStack() as stack:
        recorder = stack.enter_context(Recorder(history))
        recorder.write(
            "part",
            number=plan.number,
            seed=plan.seed,
            mix=plan.mix,
            dialect=plan.dialect,
            seconds=plan.seconds,
            lease_seconds=SHORT["lease_seconds"],
        )
        for name in SPECS:
            recorder.write("expected", spec=name, **expected(name).told())
        folder = stack.enter_context(short_folder())
        postgresql, database, url = _database(plan, folder, stack)
        migrate(url)
        audit.install(database)
        logs = folder / "logs"
        logs.mkdir()
        apis = 1 if plan.dialect == "sqlite" else 2
        service = make_service(url, folder, logs, apis=apis, workers=plan.workers)
        stack.callback(service.kill)
        nemesis = Nemesis(
            service=service,
            database=database,
            recorder=recorder,
            postgresql=postgresql,
            traffic=Traffic(),
        )
        _play(plan, nemesis, logs)


def _database(
    plan: PartPlan, folder: Path, stack: ExitStack
) -> tuple[DurablePostgresql | None, PlainSql, str]:
    if plan.dialect == "sqlite":
        path = folder / "lockstep.db"
        return None, PlainSqlite(path), f"sqlite:///{path}"
    postgresql = make_postgresql()
    if postgresql is None:
        raise NoDatabase(
            "PostgreSQL's initdb is neither on PATH nor in /usr/lib/postgresql/*/bin: install it"
        )
    stack.callback(postgresql.close)
    return postgresql, postgresql.plain, postgresql.url


def _play(plan: PartPlan, nemesis: Nemesis, logs: Path) -> None:
    service, recorder, database = nemesis.service, nemesis.recorder, nemesis.database
    random = Random(f"{plan.seed}/{plan.number}")
    nemesis.tend()
    if not wait_until(lambda: _count(database) >= plan.workers, START_SECONDS, 0.1):
        recorder.write("stuck", where="no worker came", open=[])
        return
    place = Place(
        name=f"part-{plan.number}",
        url=service.url,
        key=service.key,
        recorder=recorder,
        database=database,
        traffic=nemesis.traffic,
    )
    clients = Clients(place, plan.crowd, random)
    clients.start()
    recorder.write("began")
    _break(plan, nemesis, random)
    recorder.write("calm")
    nemesis.relent()
    if not clients.stop(ANSWER_SECONDS):
        recorder.write("stuck", where="a client waits for an answer", open=[])
    caller = place.caller("last")
    try:
        _come_to_rest(nemesis, caller)
        for job in clients.known():
            caller.ask(look(job))
    finally:
        caller.close()
    time.sleep(REST_SECONDS)
    collecting.write_end(recorder, database)
    late = service.close()
    recorder.write("closed", late=late)
    _write_logs(recorder, logs)


def _break(plan: PartPlan, nemesis: Nemesis, random: Random) -> None:
    faults = draw(plan.mix, random, plan.dialect)
    planned = next(faults)
    began = time.monotonic()
    while (passed := time.monotonic() - began) < plan.seconds:
        nemesis.tend()
        if passed >= planned.at:
            nemesis.strike(planned)
            # What comes next waits as long as it would have, however long this one took.
            began += max(0.0, time.monotonic() - began - passed)
            planned = next(faults)
        time.sleep(TICK_SECONDS)


def _come_to_rest(nemesis: Nemesis, caller: Caller) -> None:
    """Wait until every job is over; what was paused is resumed."""
    deadline = time.monotonic() + CALM_SECONDS
    resumed: set[str] = set()
    while True:
        nemesis.tend()
        open_jobs = _open(nemesis.database)
        if open_jobs == {}:
            return
        if time.monotonic() > deadline:
            nemesis.recorder.write("stuck", where="jobs do not end", open=open_jobs)
            return
        for job in [job for job, status in (open_jobs or {}).items() if status in ("paused", "pausing")]:
            if job not in resumed and caller.ask(verb("resume", job, Random(0))).status == OK:
                resumed.add(job)
        time.sleep(0.1)


def _open(database: PlainSql) -> dict[str, str] | None:
    try:
        return {row["id"]: row["status"] for row in database.rows(_OPEN)}
    except UNREACHABLE:
        return None


def _count(database: PlainSql) -> int:
    try:
        return int(database.rows(_WORKERS)[0]["count"])
    except UNREACHABLE:
        return 0


def _write_logs(recorder: Recorder, logs: Path) -> None:
    for path in sorted(logs.glob("*.log")):
        for line in path.read_text(errors="replace").splitlines():
            if found := _TOLD.search(line):
                recorder.write("log", process=path.stem, line=found[0][:300])
            elif "Traceback" in line or "Segmentation" in line:
                recorder.write("log", process=path.stem, line=line[:300])
