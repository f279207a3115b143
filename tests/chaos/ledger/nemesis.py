"""Breaks a service as planned, and notes what it did to whom, in the history. Runs on the main thread."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

import redis

from lockstep.service.bell import Ringer
from tests.chaos.ledger.calls import Traffic
from tests.chaos.ledger.faults import Planned
from tests.chaos.ledger.plain_sql import UNREACHABLE, PlainSql
from tests.chaos.ledger.postgres import DurablePostgresql
from tests.chaos.ledger.processes import SHORT, Process, ServiceUnderTest, wait_until
from tests.chaos.ledger.recording import Recorder

BROKER_AWAY_SECONDS = 3.0
DATABASE_AWAY_SECONDS = 1.5
CALL_SECONDS = 2.0
PROBES = 60
PROBE_SECONDS = 0.06
"""A transaction that a process is frozen in is still there after so long; those of others are over."""
_HELD = "SELECT id, attempt, worker_pid FROM jobs WHERE worker_pid IS NOT NULL"
_ANY_JOBS = "SELECT id FROM jobs ORDER BY id DESC LIMIT 50"


@dataclass(kw_only=True)
class Nemesis:
    """One for a part. `tend` is called often."""

    service: ServiceUnderTest
    database: PlainSql
    recorder: Recorder
    postgresql: DurablePostgresql | None
    traffic: Traffic
    _frozen: dict[int, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    _database_back_at: float | None = None

    def strike(self, planned: Planned) -> None:
        """Do it, if there is something to do it to."""
        random = Random(planned.seed)
        struck = self._deeds()[planned.name](planned, random)
        if struck is not None:
            self.recorder.write("fault", fault=planned.name, **struck)

    def tend(self) -> None:
        """Thaw, start again and bring back what is due."""
        now = time.monotonic()
        for pid in [pid for pid, (due, _) in self._frozen.items() if now >= due]:
            self._thaw(pid)
        if self._database_back_at is not None and now >= self._database_back_at:
            self._database_back_at = None
            self.recorder.write("back", of="postgresql")
        if self.postgresql is not None and self._database_back_at is None:
            self.postgresql.start()
        for name in self.service.tend():
            self.recorder.write("started", process=name)

    def relent(self) -> None:
        """Thaw and bring back everything."""
        for pid in list(self._frozen):
            self._thaw(pid)
        self.service.away_until.clear()
        self._database_back_at = None
        self.tend()

    def _deeds(self) -> dict[str, Callable[[Planned, Random], dict[str, Any] | None]]:
        return {
            "kill child": self._kill_child,
            "kill worker": self._kill_worker,
            "kill api": self._kill_api,
            "kill service": self._kill_service,
            "drain worker": self._drain,
            "freeze child": self._freeze_child,
            "freeze worker": self._freeze_worker,
            "freeze in transaction": self._freeze_in_transaction,
            "wipe broker": self._wipe_broker,
            "kill broker": self._kill_broker,
            "freeze broker": self._freeze_broker,
            "false rings": self._ring_falsely,
            "stop postgresql": self._stop_postgresql,
            "end backend": self._end_backend,
        }

    # Who is struck.

    def _held(self) -> dict[int, dict[str, Any]]:
        """By the id of the process that holds it: a job and its attempt."""
        try:
            return {row["worker_pid"]: row for row in self.database.rows(_HELD)}
        except UNREACHABLE:
            return {}

    def _victim(self, random: Random) -> tuple[Process, int, dict[str, Any]] | None:
        """A worker that is not frozen and its pool child, mostly one that holds a job, and what it holds."""
        held = self._held()
        there = [(worker, worker.child()) for worker in self.service.workers]
        children = [(worker, child) for worker, child in there if child is not None]
        free = [(worker, child) for worker, child in children if not {child, worker.pid} & set(self._frozen)]
        busy = [(worker, child) for worker, child in free if child in held]
        # Where nobody works, workers mostly are let be: else they would never come to it.
        strikes_idle = random.random() < (0.1 if busy else 0.3)
        if not free or not (busy or strikes_idle):
            return None
        worker, child = random.choice(free if strikes_idle else busy)
        row = held.get(child)
        return worker, child, {} if row is None else {"job": row["id"], "attempt": row["attempt"]}

    # Kills.

    def _kill_child(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        victim = self._victim(random)
        if victim is None:
            return None
        worker, child, held = victim
        _send(child, signal.SIGKILL)
        return {"process": worker.name, "pid": child, **held}

    def _kill_worker(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        victim = self._victim(random)
        if victim is None:
            return None
        worker, child, held = victim
        worker.send(signal.SIGKILL)
        return {"process": worker.name, "pid": child, **held}

    def _drain(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        victim = self._victim(random)
        if victim is None:
            return None
        worker, child, held = victim
        worker.send(signal.SIGTERM)
        return {"process": worker.name, "pid": child, **held}

    def _kill_api(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        api = random.choice(self.service.apis)
        if api.pid is None:
            return None
        # While a call is under way: a few milliseconds hold its reading, its commit and its answer.
        wait_until(lambda: self.traffic.under_way, CALL_SECONDS)
        time.sleep(random.uniform(0.0, 0.012))
        api.send(signal.SIGKILL)
        return {"process": api.name}

    def _kill_service(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        held = list(self._held().values())
        if not held:
            return None
        for process in self.service.processes:
            process.send(signal.SIGKILL)
        return {"process": "all", "held": [[row["id"], row["attempt"]] for row in held]}

    # Freezes.

    def _freeze_child(self, planned: Planned, random: Random) -> dict[str, Any] | None:
        victim = self._victim(random)
        if victim is None:
            return None
        worker, child, held = victim
        return self._freeze([child], planned, {"process": worker.name, "pid": child, **held})

    def _freeze_worker(self, planned: Planned, random: Random) -> dict[str, Any] | None:
        victim = self._victim(random)
        if victim is None or victim[0].pid is None:
            return None
        worker, child, held = victim
        pids = [pid for pid in (child, worker.pid) if pid is not None]
        return self._freeze(pids, planned, {"process": worker.name, "pid": child, **held})

    def _freeze_in_transaction(self, planned: Planned, random: Random) -> dict[str, Any] | None:
        """Stop a child again and again until it stands still inside a transaction that writes."""
        victim = self._victim(random)
        if victim is None:
            return None
        worker, child, held = victim
        for _ in range(PROBES):
            _send(child, signal.SIGSTOP)
            if self._stays_locked():
                told = {"process": worker.name, "pid": child, "in_transaction": True, **held}
                return self._freeze([child], planned, told)
            _send(child, signal.SIGCONT)
            time.sleep(random.uniform(0.001, 0.03))
        return None

    def _stays_locked(self) -> bool:
        try:
            if not self.database.is_locked():
                return False
            until = time.monotonic() + PROBE_SECONDS
            while time.monotonic() < until:
                if not self.database.is_locked():
                    return False
                time.sleep(0.005)
        except UNREACHABLE:
            return False
        return True

    def _freeze(self, pids: list[int], planned: Planned, told: dict[str, Any]) -> dict[str, Any]:
        """For longer than a lease; where PostgreSQL waits for one, now and then until it loses patience."""
        lease = float(str(SHORT["lease_seconds"]))
        most = 6.0 if told.get("in_transaction") and self.postgresql is not None else 2.2
        seconds = lease * (1.1 + (most - 1.1) * planned.share)
        for pid in pids:
            _send(pid, signal.SIGSTOP)
            self._frozen[pid] = (time.monotonic() + seconds, told)
        return {**told, "seconds": seconds}

    def _thaw(self, pid: int) -> None:
        _, told = self._frozen.pop(pid)
        _send(pid, signal.SIGCONT)
        self.recorder.write("thawed", pid=pid, **({"job": told["job"]} if "job" in told else {}))

    # The broker.

    def _wipe_broker(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        with contextlib.suppress(redis.RedisError), self.service.broker_client() as client:
            keys = client.dbsize()
            client.flushall()
            return {"keys": keys}
        return None

    def _kill_broker(self, planned: Planned, random: Random) -> dict[str, Any]:  # noqa: ARG002
        seconds = BROKER_AWAY_SECONDS * planned.share
        self.service.away_until["broker"] = time.monotonic() + seconds
        self.service.broker.send(signal.SIGKILL)
        return {"process": "broker", "seconds": seconds}

    def _freeze_broker(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        pid = self.service.broker.pid
        if pid is None or pid in self._frozen:
            return None
        seconds = 2 * BROKER_AWAY_SECONDS * planned.share
        _send(pid, signal.SIGSTOP)
        self._frozen[pid] = (time.monotonic() + seconds, {})
        return {"process": "broker", "seconds": seconds}

    def _ring_falsely(self, planned: Planned, random: Random) -> dict[str, Any]:  # noqa: ARG002
        """Ring for jobs that are over, for some many times, and for some that never were."""
        try:
            known = [row["id"] for row in self.database.rows(_ANY_JOBS)]
        except UNREACHABLE:
            known = []
        ids = [*known * random.randint(1, 3), "job_0nobody", "no job at all", ""]
        random.shuffle(ids)
        with Ringer(self.service.broker_url) as ringer:
            for job in ids:
                ringer.ring(random.choice(("lead", "help")), job)
        return {"rings": len(ids)}

    # PostgreSQL.

    def _stop_postgresql(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        if self.postgresql is None or self._database_back_at is not None:
            return None
        held = list(self._held().values())
        seconds = DATABASE_AWAY_SECONDS * planned.share
        self._database_back_at = time.monotonic() + seconds
        self.postgresql.stop_at_once()
        return {"seconds": seconds, "held": [[row["id"], row["attempt"]] for row in held]}

    def _end_backend(self, planned: Planned, random: Random) -> dict[str, Any] | None:  # noqa: ARG002
        if self.postgresql is None:
            return None
        try:
            return self.postgresql.end_a_committing_backend(0.6)
        except UNREACHABLE:
            return None


def _send(pid: int, number: int) -> None:
    """A signal to a process that may be gone by now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
