"""A claim's lease, on a job or a replay: renewed by a thread; every write of the holder goes through it.

Safety comes from the fence (`claims.lock` in each transaction). The holder's own clock only spares useless
work: when no renewal has gone through for 0.8 of the lease, somebody else may be at it already.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lockstep.service.store import claims, counted, counters
from lockstep.service.store.claims import Claim, Fence, Renewal
from lockstep.service.store.disk import says_disk_full
from lockstep.service.store.errors import Fenced
from lockstep.worker.tools import Tools

logger = logging.getLogger(__name__)

T = TypeVar("T")
C = TypeVar("C", bound=Claim)

SELF_FENCE_SHARE = 0.8
RETRY_SECONDS = 0.2


class Lease(Generic[C]):
    """The right to work on what `claim` is on, as a context manager: renewing goes on inside it.

    `claimed_at` is when the claim was asked for, by the monotonic clock. `asked` (see Fence), `jobs_waiting`
    and `turn_over` are as the latest renewal found them.
    """

    def __init__(self, claim: C, tools: Tools, claimed_at: float) -> None:
        self.claim = claim
        self._tools = tools
        self._claimed_at = claimed_at
        self._renewed_at = claimed_at
        self._fenced = False
        self._told_full = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_on, name="lockstep-lease", daemon=True)
        self.asked: str | None = None
        self.jobs_waiting = 0
        self.turn_over = False

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()

    @property
    def _name(self) -> str:
        return f"{self.claim.on.thing}={self.claim.row_id}"

    @property
    def lost(self) -> bool:
        """Whether somebody else may hold the claim by now."""
        age = time.monotonic() - self._renewed_at
        return self._fenced or age > SELF_FENCE_SHARE * self.claim.lease_seconds

    @property
    def since_claim_seconds(self) -> float:
        """How long ago the claim was asked for."""
        return time.monotonic() - self._claimed_at

    def write(self, work: Callable[[Fence[C]], T], *, renews: bool = False) -> T:
        """Run `work` in one fenced transaction, which renews the lease too if it `renews`.

        A database that is away or refuses is asked again while the lease lasts, and for as long at most where
        renewals go through. `work` may run more than once, so it changes nothing but the database. Raises
        Fenced, and then SQLAlchemyError.
        """

        def transaction() -> T:
            try:
                with self._tools.database.write() as tx:
                    result = work(claims.lock(tx, self.claim))
                    asked_at = time.monotonic()
                    renewal = claims.renew(tx, self.claim) if renews else None
            except Fenced:
                self._count_refusal()
                raise
            self._note(renewal, asked_at)
            return result

        return self._patiently(transaction)

    def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a snapshot, as patiently as `write`; raises the same."""

        def transaction() -> T:
            with self._tools.database.read() as tx:
                return work(tx)

        return self._patiently(transaction)

    def _patiently(self, transaction: Callable[[], T]) -> T:
        give_up_at = time.monotonic() + SELF_FENCE_SHARE * self.claim.lease_seconds
        while not self.lost:
            try:
                return transaction()
            except SQLAlchemyError as error:
                if time.monotonic() >= give_up_at:
                    raise
                self._tell("database_failed", error)
            time.sleep(RETRY_SECONDS)
        raise Fenced(f"the claim on {self.claim.on.thing} {self.claim.row_id} was not renewed in time")

    def _count_refusal(self) -> None:
        """Count a write that the fence has refused, whose own transaction is rolled back."""
        with contextlib.suppress(SQLAlchemyError), self._tools.database.write() as tx:
            counters.count(tx, counted.FENCED_WRITES)

    def _tell(self, action: str, error: Exception) -> None:
        """Log what the database refused; that its disk is full once, for it stays so."""
        if not says_disk_full(error):
            logger.warning("action=%s %s error=%s: trying again", action, self._name, error)
        elif not self._told_full:
            self._told_full = True
            logger.error("action=disk_full %s error=%s: trying again", self._name, error)

    def _note(self, renewal: Renewal | None, asked_at: float) -> None:
        if renewal is not None:
            self._renewed_at = max(self._renewed_at, asked_at)
            self.asked = renewal.asked
            self.jobs_waiting = renewal.jobs_waiting
            self.turn_over = renewal.turn_over

    def _renew_on(self) -> None:
        every = self._tools.settings.renew_seconds
        pause = every
        while not self._stop.wait(pause):
            asked_at = time.monotonic()
            # Reports renew too: while they come, this thread has nothing to do.
            pause = self._renewed_at + every - asked_at
            if pause > 0:
                continue
            pause = every
            try:
                with self._tools.database.write() as tx:
                    renewal = claims.renew(tx, self.claim)
            except Fenced as error:
                logger.warning("action=renewal_refused %s error=%s", self._name, error)
                self._fenced = True
                self._count_refusal()
                return
            except Exception as error:
                # The database may come back before the lease ends.
                self._tell("renew_failed", error)
                pause = RETRY_SECONDS
                continue
            self._note(renewal, asked_at)
