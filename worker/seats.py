"""The seats of a job that wants more than one worker: where the group is opened, and who is called to it.

Elastic from one: the lead trains from the first moment, whoever comes joins at a step, and a helper is let go
as soon as a job waits that nobody else is free to lead.
"""

import contextlib
import logging
import secrets
import threading
import time
from collections.abc import Iterator

from sqlalchemy import Connection

from lockstep.core.group import Group
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.segment import NoSharedMemory
from lockstep.core.group.solo import SoloGroup
from lockstep.core.group.terms import SECRET_BYTES, GroupIdentity, GroupTerms, Timeouts
from lockstep.service.store import queue, replays, seats, workers
from lockstep.service.store.leases import JobClaim
from lockstep.worker.advice import Advice
from lockstep.worker.chaos import Chaos
from lockstep.worker.lease import Lease
from lockstep.worker.team import Team
from lockstep.worker.tools import Tools

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
LEAD_PATIENCE = 4
"""A helper waits for its lead this many times longer than the lead for a helper: the lead may be saving, or
computing what a lost helper did not."""


def timeouts(step_timeout_seconds: float) -> Timeouts:
    """How long members of a group wait for each other."""
    return Timeouts(step_seconds=step_timeout_seconds, lead_seconds=LEAD_PATIENCE * step_timeout_seconds)


def terms_of(identity: GroupIdentity, tools: Tools) -> GroupTerms:
    """What a member brings along, by this worker's settings."""
    return GroupTerms(
        identity=identity,
        timeouts=timeouts(tools.settings.step_timeout_seconds),
        listen_host=tools.settings.group_address(),
        worker_id=tools.worker.worker_id,
        host=tools.worker.host,
        transport=tools.settings.group_transport,
    )


@contextlib.contextmanager
def open_group(claim: JobClaim, tools: Tools, lease: Lease[JobClaim]) -> Iterator[tuple[Group, Team]]:
    """The group of the attempt: alone where one worker is wanted, else with a door for helpers.

    Within it the seats are looked after.
    """
    if claim.workers_wanted == 1:
        yield SoloGroup(), Team(claim, 1, None)
        return
    team = Team(claim, claim.workers_wanted, _advice(claim, tools))
    secret = secrets.token_bytes(SECRET_BYTES)
    identity = GroupIdentity(
        job_id=claim.job_id,
        attempt=claim.attempt,
        secret=secret,
        fingerprint=tools.worker.fingerprint,
        spec_sha256=claim.spec_sha256,
    )
    terms = terms_of(identity, tools)
    try:
        group = GroupLead(terms, claim.workers_wanted - 1, team.note)
    except (OSError, NoSharedMemory) as error:
        # Elastic from one: a machine that cannot listen trains by itself, to the same bits.
        host = terms.listen_host
        logger.error("action=group_unavailable job=%s host=%s error=%s", claim.job_id, host, error)
        yield SoloGroup(), Team(claim, 1, None)
        return
    team.lead(group)
    try:
        lease.write(lambda fence: seats.publish_address(fence, *group.address, secret, team.seats))
        with Seats(claim, tools, team, group), _chaos(claim, group):
            yield group, team
    finally:
        team.look()
        group.close("the attempt is over")


def _chaos(claim: JobClaim, group: GroupLead) -> contextlib.AbstractContextManager[None]:
    wanted = claim.verification is not None and claim.verification.chaos
    return Chaos(group) if wanted else contextlib.nullcontext()


def _advice(claim: JobClaim, tools: Tools) -> Advice | None:
    """None where all are taken that come: so in a job that shows that they change nothing."""
    follows = tools.settings.group_helpers == "advised" and claim.verification is None
    return Advice(most=claim.workers_wanted) if follows else None


class Seats:
    """A thread that rings for helpers while a seat is empty, and frees one while a job waits for a lead."""

    def __init__(self, claim: JobClaim, tools: Tools, team: Team, group: GroupLead) -> None:
        self._claim = claim
        self._tools = tools
        self._team = team
        self._group = group
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_after, name="lockstep-seats", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._team.offered.set()

    def _look_after(self) -> None:
        while True:
            try:
                self._look()
            except Exception as error:
                # The store may be away for a while; the group trains on.
                logger.debug("action=seats_look_failed job=%s error=%s", self._claim.job_id, error)
            self._team.offered.wait(LOOK_SECONDS)
            if self._stop.is_set():
                return
            self._team.offered.clear()

    def _look(self) -> None:
        has_helpers = self._group.world_size > 1
        has_seats = self._group.world_size < self._team.seats
        with self._tools.database.read() as tx:
            fingerprint = self._claim.worker.fingerprint
            idle = _somebody_is_idle(tx)
            asked = not idle and replays.waiting(tx, self._claim.worker) > 0
            waiting = has_helpers and (asked or queue.jobs_waiting(tx, fingerprint) > 0)
            # Rings that no idle worker takes would only pile up.
            wanted = has_seats and not waiting and idle
        if waiting:
            self._group.release(1)
            self._team.needed_since = self._team.needed_since or time.monotonic()
            return
        self._team.needed_since = None
        if wanted:
            self._tools.bell.ring("help", self._claim.job_id)


def _somebody_is_idle(tx: Connection) -> bool:
    return any(worker.present and worker.state == "idle" for worker in workers.list_workers(tx))
