"""Whose turn it is: the order in which workers take the jobs that wait.

The highest priority comes first; then the owner with the fewest workers at work; then the owner that was
served longest ago; then the oldest. So the owner of 200 jobs and the owner of one take turns. An owner is
served when a worker takes a job of it, and until one whose turn is over gives it back.

The best owner is found by the index (status, owner, priority, id): one look for each owner that waits,
however many jobs it has.
"""

from functools import cache

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.dml import Insert
from sqlalchemy.sql.selectable import FromClause

from lockstep.service.store.database import clock
from lockstep.service.store.fingerprints import suits
from lockstep.service.store.lifecycle import Columns
from lockstep.service.store.resting import rests
from lockstep.service.store.statuses import HELD
from lockstep.service.store.tables import jobs, owners
from lockstep.service.store.transitions import JOBS

SERVING_LOCK = 0x5E2
"""Number of PostgreSQL's advisory locks that let one at a time write when an owner is served."""


def may_start(columns: Columns) -> ColumnElement[bool]:
    """Condition on jobs: one waits, and nothing but a free worker is missing."""
    return and_(
        JOBS.may("claim", columns), or_(columns.not_before_at.is_(None), columns.not_before_at <= clock())
    )


def _waiting_owners() -> CTE:
    """The owners of jobs that wait, found one after the other in the index; the last row is null."""
    one, another = jobs.alias("one"), jobs.alias("another")
    first = select(func.min(one.c.owner_id).label("owner_id")).where(JOBS.may("claim", one.c))
    found = first.cte("waiting_owners", recursive=True)
    after = select(func.min(another.c.owner_id)).where(
        JOBS.may("claim", another.c), another.c.owner_id > found.c.owner_id
    )
    return found.union_all(select(after.scalar_subquery()).where(found.c.owner_id.is_not(None)))


def _tops() -> CTE:
    """By owner: the highest priority of its jobs that may start and suit the worker; null for none."""
    waiting, each = _waiting_owners(), jobs.alias("each")
    priority = (
        select(each.c.priority)
        .where(each.c.owner_id == waiting.c.owner_id, may_start(each.c), suits(each.c))
        .order_by(each.c.priority.desc())
        .limit(1)
    )
    tops = select(waiting.c.owner_id, priority.scalar_subquery().label("priority"))
    # Without the word SQLite would look anew wherever the column is named.
    return tops.where(waiting.c.owner_id.is_not(None)).cte("tops").prefix_with("MATERIALIZED")


def _oldest_of(tops: FromClause) -> Select[str]:
    """The oldest job of an owner and a priority."""
    each = jobs.alias("oldest")
    same = (each.c.owner_id == tops.c.owner_id, each.c.priority == tops.c.priority)
    return select(each.c.id).where(*same, may_start(each.c), suits(each.c)).order_by(each.c.id).limit(1)


def heads() -> Select[str, int, str]:
    """Each owner of a job that the worker may take: its top priority and the oldest job of it.

    In the order of their turns; the worker's fingerprint and its host are parameters.
    """
    tops, held = _tops(), jobs.alias("held")
    at_work = (
        select(held.c.owner_id, func.sum(held.c.workers_active).label("workers"))
        .where(JOBS.are(*HELD, columns=held.c))
        .group_by(held.c.owner_id)
        .subquery("at_work")
    )
    oldest = _oldest_of(tops).scalar_subquery().label("job_id")
    return (
        select(tops.c.owner_id, tops.c.priority, oldest)
        .outerjoin_from(tops, at_work, at_work.c.owner_id == tops.c.owner_id)
        .outerjoin(owners, owners.c.owner_id == tops.c.owner_id)
        .where(tops.c.priority.is_not(None), ~rests(bindparam("host")))
        .order_by(
            tops.c.priority.desc(),
            func.coalesce(at_work.c.workers, 0),
            owners.c.served_at.asc().nulls_first(),
            oldest,
        )
    )


def next_job(dialect: str) -> Select[str]:
    """The id of the job that a worker takes next, with the parameters of `heads`.

    On PostgreSQL the owners are gone through in their order, until one has a job that nobody is taking:
    a join with LATERAL keeps the order of its left side, and ends with the first row. On SQLite there is
    one writer at a time.
    """
    if dialect == "sqlite":
        return select(heads().limit(1).subquery("best").c.job_id)
    ordered = heads().subquery("ordered")
    taken = _oldest_of(ordered).with_for_update(skip_locked=True).lateral("taken")
    return select(taken.c.id).select_from(ordered.join(taken, true())).limit(1)


_owner = select(jobs.c.owner_id, clock()).where(jobs.c.id == bindparam("job_id"))


@cache
def _serve(dialect: str) -> Insert:
    new = postgresql.insert(owners) if dialect == "postgresql" else sqlite.insert(owners)
    owner = _owner
    if dialect == "postgresql":
        # Whoever writes the row now writes the same: a transaction that hangs must not keep others waiting.
        owner = owner.where(func.pg_try_advisory_xact_lock(SERVING_LOCK, func.hashtext(jobs.c.owner_id)))
    return new.from_select(["owner_id", "served_at"], owner).on_conflict_do_update(
        index_elements=[owners.c.owner_id], set_={"served_at": new.excluded.served_at}
    )


def serve(tx: Connection, job_id: str) -> None:
    """Note that the job's owner is served now: others come first. The transaction holds the job's row."""
    tx.execute(_serve(tx.dialect.name), {"job_id": job_id})
