"""How a worker helps: it joins the group of a running job and computes the same steps, until nobody needs it.

A helper writes nothing to the store and decides nothing. Whatever goes wrong here, the lead goes on alone.
"""

import contextlib
import logging
from collections.abc import Callable

from lockstep.core.group import LeadLost, Released
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.leaving import DRAINED
from lockstep.core.group.segment import NoSharedMemory
from lockstep.core.group.terms import GroupIdentity
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.spec import ResolvedSpec
from lockstep.service.store import specs
from lockstep.service.store.seats import Seat
from lockstep.worker.drive import Drive, HangLimits
from lockstep.worker.seats import terms_of
from lockstep.worker.tools import Tools

logger = logging.getLogger(__name__)


def help_job(seat: Seat, tools: Tools, draining: Callable[[], bool]) -> bool:
    """Take the seat and help until the job is over, the lead lets go, or `draining` says so.

    False where it was not let in: what the store knows of seats may be a second old, so don't ask at once.
    Raises Damaged where the job's spec can't be read.
    """
    with tools.database.read() as tx:
        stored = specs.load(tx, seat.job_id)
    spec = stored.resolved()
    if not isinstance(spec, ResolvedSpec):
        raise TypeError(f"expected a job with data to share out, got one of the kind {spec.kind}")
    limits = HangLimits.of(spec, tools.settings)
    with tools.pulse.at("getting ready", limits.loading):
        dataset = load_dataset(spec)  # before joining: the group would wait for it
    identity = GroupIdentity(
        job_id=seat.job_id,
        attempt=seat.attempt,
        secret=seat.secret,
        fingerprint=tools.worker.fingerprint,
        spec_sha256=seat.spec_sha256,
    )
    try:
        helper = GroupHelper.join(terms_of(identity, tools), (seat.host, seat.port), draining)
    except (Released, LeadLost, NoSharedMemory, OSError) as error:
        logger.info("action=not_let_in job=%s attempt=%d reason=%s", seat.job_id, seat.attempt, error)
        return False
    logger.info("action=helping job=%s attempt=%d rank=%d", seat.job_id, seat.attempt, helper.rank)
    reason = "the helper failed"

    def leaves() -> bool:
        helper.leave_if_over()
        return draining()

    try:
        training = Training(spec, dataset, helper, Checkpoint.from_bytes(helper.state))
        reason = _follow(training, Drive(training, tools.pulse, limits, leaves), draining)
    finally:
        helper.close(reason)
        logger.info("action=helped job=%s attempt=%d reason=%s", seat.job_id, seat.attempt, reason)
    return True


def _follow(training: Training, drive: Drive, draining: Callable[[], bool]) -> str:
    """Train along; returns why it is over."""
    with contextlib.suppress(Released):
        while not training.finished:
            if draining():
                return DRAINED
            try:
                report = drive.advance()
            except LeadLost as error:
                return str(error)
            if report.was_interrupted:
                return DRAINED
            if report.failure is not None:
                return "the training has failed"
    return "nothing more to do"
