"""From where a run goes on: the latest checkpoint that can be read, else the spec. The bits are the same."""

import logging
from dataclasses import dataclass

from sqlalchemy import Connection

from lockstep.core.learning.checkpoint import BadCheckpoint, Checkpoint
from lockstep.service.store import checkpoints, events
from lockstep.service.store.checkpoints import CheckpointKey, StoredCheckpoint
from lockstep.service.store.errors import CorruptCheckpoint
from lockstep.service.store.events import NewEvent

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """The checkpoint to go on from, None for the start; `damaged` are those after it that can't be read."""

    checkpoint: Checkpoint | None
    damaged: tuple[CheckpointKey, ...] = ()


def latest_sound(tx: Connection, job_id: str, like: Checkpoint, at_most: int | None = None) -> Resumed:
    """The latest checkpoint, of those up to step `at_most`, that is what was saved.

    `like`: what the job's checkpoints have to be like (core.run.blank_checkpoint).
    """
    damaged: list[CheckpointKey] = []
    while True:
        limits = () if at_most is None else (at_most,)
        try:
            stored = checkpoints.latest(tx, job_id, *limits)
        except CorruptCheckpoint as error:
            bad, reason = CheckpointKey(step=error.step, attempt=error.attempt), str(error)
        else:
            if stored is None:
                return Resumed(checkpoint=None, damaged=tuple(damaged))
            try:
                return Resumed(checkpoint=_opened(stored, like), damaged=tuple(damaged))
            except BadCheckpoint as error:
                bad, reason = CheckpointKey(step=stored.step, attempt=stored.attempt), str(error)
        logger.warning("action=checkpoint_damaged job=%s step=%d error=%s", job_id, bad.step, reason)
        damaged.append(bad)
        at_most = bad.step - 1


def _opened(stored: StoredCheckpoint, like: Checkpoint) -> Checkpoint:
    """The checkpoint in the bytes. Raises BadCheckpoint unless it is one of this job and this step."""
    checkpoint = Checkpoint.from_bytes(stored.data)
    if checkpoint.step != stored.step:
        raise BadCheckpoint(f"expected a checkpoint of step {stored.step}, got one of step {checkpoint.step}")
    checkpoint.require_like(like)
    return checkpoint


def tell_of_damage(tx: Connection, job_id: str, resumed: Resumed) -> None:
    """Give up the damaged checkpoints and note an event, once for each of them."""
    steps = checkpoints.discard(tx, job_id, resumed.damaged)
    if not steps:
        return
    step = resumed.checkpoint.step if resumed.checkpoint else 0
    which = f"checkpoint of step {steps[0]} was" if len(steps) == 1 else f"checkpoints of steps {steps} were"
    message = f"the {which} damaged; the same steps are done again from step {step}, to the same bits"
    data = {"steps": steps, "from_step": step}
    events.append(
        tx, job_id, NewEvent(type="checkpoint_damaged", message=message, data=data, level="warning")
    )
