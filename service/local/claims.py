"""Freeing the jobs of workers that are known to be dead, without waiting for their leases to end."""

from __future__ import annotations

import os
from collections.abc import Collection

from lockstep.service.store.database import Database
from lockstep.service.store.evictions import evict_process, holders


def evict_all_but(database_url: str, sessions: Collection[int]) -> None:
    """Free each claimed job whose process is in none of `sessions`, those of this machine's living workers.

    Each worker's main process leads a session, which its pool child belongs to. To ask for the session
    rather than whether a process of that id exists tells a reused id, and one that is dead and not yet
    waited for, from a worker's.
    """
    database = Database(database_url)
    try:
        with database.write() as tx:
            for worker_id, pid in holders(tx):
                if session_of(pid) not in sessions:
                    evict_process(tx, worker_id, pid, rest_seconds=0.0)
    finally:
        database.dispose()


def session_of(pid: int) -> int | None:
    """The session that a process belongs to; None where it can't be seen."""
    try:
        return os.getsid(pid)
    except OSError:  # no such process, or out of sight
        return None
