"""Hosts on which attempts die in a row: they rest, so that what is wrong there does not end every job."""

import json
import logging
from collections.abc import Iterable
from contextlib import suppress

from sqlalchemy import BindParameter, ColumnElement, Connection, bindparam, delete, select, update

from lockstep.service.store.database import clock, insert_or_ignore, now
from lockstep.service.store.tables import hosts

logger = logging.getLogger(__name__)

LOST_JOBS = 3
"""Attempts at so many different jobs must have died there in a row."""
REST_SECONDS = 60.0
MAX_REST_SECONDS = 600.0

_LOCK = select(hosts).where(hosts.c.host == bindparam("on_host")).with_for_update()
_LOST = (
    update(hosts)
    .where(hosts.c.host == bindparam("on_host"))
    .values(lost_jobs_json=bindparam("lost"), rests=bindparam("times"), resting_until_at=bindparam("until"))
)
_FORGET = delete(hosts).where(hosts.c.host == bindparam("on_host"))
_RESTING = select(hosts.c.host, hosts.c.resting_until_at).where(hosts.c.resting_until_at > clock())


def rests(host: BindParameter[str] | ColumnElement[str]) -> ColumnElement[bool]:
    """Condition: the host takes no jobs for now."""
    same = select(hosts.c.host).where(hosts.c.host == host, hosts.c.resting_until_at > clock())
    return same.exists()


def resting(tx: Connection) -> dict[str, float]:
    """The hosts that rest, and until when, in the database's seconds."""
    return {host: until for host, until in tx.execute(_RESTING) if until is not None}


def note_lost(tx: Connection, lost: Iterable[tuple[str, str]], rest_seconds: float = REST_SECONDS) -> None:
    """Note hosts, each with the id of a job whose attempt died there; lets those rest that have had enough.

    The first rest takes `rest_seconds`, each further one twice as long, at most 10 minutes; 0: nothing is
    noted. The transaction holds the jobs' rows.
    """
    if rest_seconds <= 0:
        return
    # In one order, whoever comes: two who lock the same rows the other way round would wait for each other.
    for host, job_id in sorted(lost):
        start = {"host": host, "lost_jobs_json": "[]", "rests": 0, "resting_until_at": None}
        tx.execute(insert_or_ignore(tx, hosts), start)
        row = tx.execute(_LOCK, {"on_host": host}).one()
        at = now(tx)
        if row.resting_until_at is not None and row.resting_until_at > at:
            continue  # the attempt began before the rest
        jobs = [job_id, *(each for each in _read(row.lost_jobs_json) if each != job_id)][:LOST_JOBS]
        times, until = row.rests, None
        if len(jobs) == LOST_JOBS:
            seconds = min(rest_seconds * 2**times, MAX_REST_SECONDS)
            times, until = min(times + 1, 10), at + seconds
            logger.warning("action=host_rests host=%s seconds=%.0f jobs=%s", host, seconds, ",".join(jobs))
        tx.execute(_LOST, {"on_host": host, "lost": json.dumps(jobs), "times": times, "until": until})


def note_ended(tx: Connection, host: str) -> None:
    """Note that an attempt on the host ended without dying: the host is well."""
    tx.execute(_FORGET, {"on_host": host})


def _read(text: str) -> list[str]:
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, list):
            return [str(each) for each in found]
    return []
