"""A claim on a row of some table: taken, renewed, locked for each write, ended. Jobs and replays share it.

A lease gives liveness: when it ends, somebody else may take over. The token gives safety: taking over
raises it, as ending the claim from outside does, and every transaction of the holder begins by locking the
row with `token = :mine` (a condition in a later statement would not do under READ COMMITTED). That lock is a
`Fence`, and all writes of a holder ask for one.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, Update, bindparam, select
from sqlalchemy.sql.dml import ReturningUpdate

from lockstep.service.store import points
from lockstep.service.store.errors import Fenced, Refused
from lockstep.service.store.lifecycle import Lifecycle, StatusChange
from lockstep.service.store.queue import jobs_waiting
from lockstep.service.store.statuses import HELD


@dataclass(frozen=True, kw_only=True)
class WorkerIdentity:
    """Who claims: `pid` is the process that computes, `fingerprint` that of its numerics.

    `earlier`: what its fingerprint was under older numbers of the arithmetic (core/ground/arithmetic.py).
    `parts`: a hash for each thing that decides its bits, which says in what two workers differ.
    """

    worker_id: str
    pid: int
    host: str
    fingerprint: str
    earlier: tuple[str, ...] = ()
    parts: Mapping[str, str] = field(default_factory=dict, hash=False)


DIALECTS = ("postgresql", "sqlite")


class NextRow(Protocol):
    """Selects the id of the row that comes next for the worker which the parameters name, and locks it.

    One that somebody is about to take is passed over. Takes the name of the database's dialect.
    """

    def __call__(self, dialect: str, /) -> Select[str]: ...


@dataclass(frozen=True, kw_only=True)
class Claimable:
    """The rows of a table that workers claim, and the statements for that.

    `fenced_by` is the column of the token; `tells` are those that a new claim is told. `thing` and `turn` are
    words: for a row, and for what its token counts.
    """

    life: Lifecycle
    fenced_by: str
    next_row: NextRow
    tells: tuple[str, ...]
    thing: str
    turn: str

    @cached_property
    def claiming(self) -> Mapping[str, ReturningUpdate[*tuple[Any, ...]]]:
        """By dialect: takes the row that comes next."""
        columns = self.life.table.c
        told = [columns[name] for name in self.tells]
        return MappingProxyType(
            {
                dialect: self.life.update(
                    "claim", columns.id == self.next_row(dialect).scalar_subquery()
                ).returning(*told)
                for dialect in DIALECTS
            }
        )

    @cached_property
    def locking(self) -> Select[str]:
        """Locks the holder's row."""
        status = self.life.table.c.status
        return select(status).where(*self._mine, self.life.are(*HELD)).with_for_update()

    @cached_property
    def renewing(self) -> ReturningUpdate[str]:
        """Renews the holder's lease."""
        return self.life.update("renew", *self._mine).returning(self.life.table.c.status)

    @cached_property
    def changing(self) -> Mapping[StatusChange, Update]:
        """By change: makes what the holder may make of its row."""
        mine = [change for change in self.life.changes if change.who == "holder"]
        return MappingProxyType({change: self.life.update_by(change, *self._mine) for change in mine})

    @property
    def _mine(self) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
        columns = self.life.table.c
        return columns.id == bindparam("row_id"), columns[self.fenced_by] == bindparam("mine")


@dataclass(frozen=True, kw_only=True)
class Claim(ABC):
    """The right of a worker to work on a row until its lease ends."""

    worker: WorkerIdentity
    lease_seconds: float
    on: ClassVar[Claimable]

    @property
    @abstractmethod
    def row_id(self) -> str:
        """The id of the row."""

    @property
    @abstractmethod
    def token(self) -> int:
        """The fencing token: the row's, unless the claim is over."""

    def is_turn_over(self, _tx: Connection) -> bool:
        """Whether it is to be given back now, for others that wait."""
        return False


C = TypeVar("C", bound=Claim)


@dataclass(frozen=True, kw_only=True)
class Fence(Generic[C]):
    """Proof that the transaction `tx` holds the claim's row, with the claim still going on.

    `status` is the row's, and can't change before the transaction ends but by it.
    """

    tx: Connection
    claim: C
    status: str

    @property
    def asked(self) -> str | None:
        """The act by which the user has asked the holder to end its claim, such as "cancel"; None: none."""
        return self.claim.on.life.asked(self.status)

    def may(self, act: str) -> bool:
        """Whether the row's status lets its holder do that."""
        return self.claim.on.life.change(act, self.status) is not None


@dataclass(frozen=True, kw_only=True)
class Renewal:
    """What the holder learns when renewing.

    `asked` as in Fence, `jobs_waiting` as that function says, `turn_over` as in Claim.
    """

    asked: str | None
    jobs_waiting: int
    turn_over: bool = False


def lock(tx: Connection, claim: C) -> Fence[C]:
    """Lock the claim's row for the rest of the transaction; its first statement. Raises Fenced.

    `tx` comes from `Database.write()`: on SQLite that holds the only write lock already.
    """
    status = tx.execute(claim.on.locking, _mine(claim)).scalar_one_or_none()
    if status is None:
        raise _fenced(claim)
    points.LOCKED.reach()
    return Fence(tx=tx, claim=claim, status=status)


def renew(tx: Connection, claim: Claim) -> Renewal:
    """Let the lease run for its full length from now on; raises Fenced.

    A lease that ran out is renewed all the same as long as nobody else has taken over.
    """
    values = {**_mine(claim), "lease_seconds": claim.lease_seconds}
    status = tx.execute(claim.on.renewing, values).scalar_one_or_none()
    if status is None:
        raise _fenced(claim)
    asked = claim.on.life.asked(status)
    waiting = jobs_waiting(tx, claim.worker.fingerprint)
    return Renewal(asked=asked, jobs_waiting=waiting, turn_over=waiting > 0 and claim.is_turn_over(tx))


def change(fence: Fence[Any], act: str, values: Mapping[str, object]) -> StatusChange:
    """Do what the holder may do to its row; returns what it was. Raises Refused where the status forbids it.

    `values` has the parameters of all changes of the act.
    """
    claim: Claim = fence.claim
    made = claim.on.life.change(act, fence.status)
    if made is None:
        raise _refused(claim, fence.status, act)
    given = {name: values[name] for name in made.parameters}
    fence.tx.execute(claim.on.changing[made], {**_mine(claim), **given})
    return made


def _mine(claim: Claim) -> dict[str, object]:
    return {"row_id": claim.row_id, "mine": claim.token}


def _fenced(claim: Claim) -> Fenced:
    which = f"{claim.on.turn} {claim.token} at {claim.on.thing} {claim.row_id}"
    return Fenced(f"{which} is over (evicted, released or ended): stop it")


def _refused(claim: Claim, status: str, act: str) -> Refused:
    thing = claim.on.thing
    return Refused(
        f"{thing}_{status}",
        f"{thing} {claim.row_id} is {status}: its holder can't {act} it; ask Fence.may before",
    )
