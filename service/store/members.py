"""Who works and has worked at a job: written by its lead with its progress, closed with the attempt."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, bindparam, select, tuple_, update

from lockstep.core.group.figures import Role
from lockstep.service.store.database import insert_or_ignore
from lockstep.service.store.leases import JobFence
from lockstep.service.store.tables import members

Departure = Literal["released", "drained", "died", "late", "cut"]
"""How a member left. Of a lead: its attempt was over, its worker was stopped, or its process was lost."""


@dataclass(frozen=True, kw_only=True)
class Stay:
    """A worker's stay in the group of a job's attempt; see `MemberColumns`."""

    attempt: int
    number: int
    rank: int
    worker_id: str
    host: str
    role: Role
    transport: str
    generation: int
    joined_step: int
    shards: int
    compute_seconds: float
    exchange_seconds: float
    waiting_seconds: float
    left_step: int | None = None
    left: Departure | None = None


_MOVING = (
    "rank", "transport", "generation", "left_step", "left_how", "shards",
    "compute_seconds", "exchange_seconds", "waiting_seconds",
)  # fmt: skip
_UPDATE = (
    update(members)
    .where(
        members.c.job_id == bindparam("of_job"),
        members.c.attempt == bindparam("of_attempt"),
        members.c.number == bindparam("of_number"),
    )
    .values({name: bindparam(f"new_{name}") for name in _MOVING})
)
_LIST = (
    select(members)
    .where(
        members.c.job_id == bindparam("of_job"),
        tuple_(members.c.attempt, members.c.number) > tuple_(bindparam("attempt"), bindparam("number")),
    )
    .order_by(members.c.attempt, members.c.number)
    .limit(bindparam("most"))
)


def save(fence: JobFence, stays: Sequence[Stay]) -> None:
    """Note members of the holder's attempt as they are now; those that are new are added."""
    if not stays:
        return
    job_id = fence.claim.job_id
    rows = [asdict(stay) for stay in stays]
    for row in rows:
        row["left_how"] = row.pop("left")
    fence.tx.execute(insert_or_ignore(fence.tx, members), [{"job_id": job_id, **row} for row in rows])
    fence.tx.execute(
        _UPDATE,
        [
            {
                "of_job": job_id,
                "of_attempt": row["attempt"],
                "of_number": row["number"],
                **{f"new_{name}": row[name] for name in _MOVING},
            }
            for row in rows
        ],
    )


def list_members(
    tx: Connection, job_id: str, after: tuple[int, int] = (0, 0), limit: int = 100
) -> list[Stay]:
    """At most `limit` members of a job, past and present, as they came; `after`: an attempt and a number."""
    attempt, number = after
    found = tx.execute(_LIST, {"of_job": job_id, "attempt": attempt, "number": number, "most": limit})
    return [
        Stay(
            attempt=row.attempt,
            number=row.number,
            rank=row.rank,
            worker_id=row.worker_id,
            host=row.host,
            role=row.role,
            transport=row.transport,
            generation=row.generation,
            joined_step=row.joined_step,
            left_step=row.left_step,
            left=row.left_how,
            shards=row.shards,
            compute_seconds=row.compute_seconds,
            exchange_seconds=row.exchange_seconds,
            waiting_seconds=row.waiting_seconds,
        )
        for row in found
    ]
