"""How a worker helps: it joins the group of a running job and computes the same steps, until nobody needs it.

A helper writes nothing to the store and decides nothing. Whatever goes wrong here, the lead goes on alone.
"""

import contextlib
import logging
import time
from collections.abc import Callable

from lockstep.core.data.dataset import Dataset
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
from lockstep.worker.pace import Stride
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
    try:
        reason = _follow(spec, dataset, helper, draining)
    finally:
        helper.close(reason)
        logger.info("action=helped job=%s attempt=%d reason=%s", seat.job_id, seat.attempt, reason)
    return True


def _follow(spec: ResolvedSpec, dataset: Dataset, helper: GroupHelper, draining: Callable[[], bool]) -> str:
    """Train along; returns why it is over."""
    training = Training(spec, dataset, helper, Checkpoint.from_bytes(helper.state))
    stride = Stride()
    with contextlib.suppress(Released):
        while not training.finished:
            if draining():
                return DRAINED
            started_at = time.monotonic()
            try:
                report = training.advance(stride.steps)
            except LeadLost as error:
                return str(error)
            stride.took(report.step - report.first_step, time.monotonic() - started_at)
            if report.failure is not None:
                return "the training has failed"
    return "nothing more to do"
