"""What the larger changes of a job write, by column; transitions.py says which changes do."""

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, func

from lockstep.core.ground.arithmetic import ARITHMETIC
from lockstep.service.store.database import clock
from lockstep.service.store.lifecycle import Effect
from lockstep.service.store.tables import jobs

RING_AFTER_SECONDS = 2.0
"""POST rings by itself; when that got lost, the reconciler rings from then on."""
NEW_JOB = Effect(
    words="attempt 1, version 1, to be rung for soon",
    values={
        "version": 1,
        "workers_active": 0,
        "workers_most": 0,
        "step": 0,
        "epoch": 0,
        "attempt": 1,
        "evictions": 0,
        "rings": 0,
        "created_at": clock(),
        "updated_at": clock(),
        "ring_due_at": clock() + RING_AFTER_SECONDS,
    },
)


def _at_least(members: int | BindParameter[int]) -> ColumnElement[int]:
    """The most members at once that a job has had, where it has so many now."""
    return case((jobs.c.workers_most < members, members), else_=jobs.c.workers_most)


CLAIMED = Effect(
    words="the worker, its fingerprint and arithmetic; the step of the checkpoint",
    values={
        "worker_id": bindparam("worker"),
        "worker_pid": bindparam("pid"),
        "fingerprint": func.coalesce(jobs.c.fingerprint, bindparam("fingerprint")),
        "arithmetic": ARITHMETIC,
        "workers_active": 1,
        "workers_most": _at_least(1),
        "step": func.coalesce(jobs.c.checkpoint_step, 0),
        "steps_per_second": None,
        "not_before_at": None,
        "claimed_at": clock(),
        "started_at": func.coalesce(jobs.c.started_at, clock()),
    },
)
_first_step = func.coalesce(jobs.c.claimed_at + bindparam("first_step_seconds"), clock())
PROGRESS = Effect(
    words="step, epoch, members, seats, speed",
    values={
        "step": bindparam("done"),
        "epoch": bindparam("in_epoch"),
        "workers_active": bindparam("members"),
        "workers_most": _at_least(bindparam("most")),
        "workers_advised": func.coalesce(bindparam("advised"), jobs.c.workers_advised),
        "seats": bindparam("seats"),
        "seat_gain": bindparam("seat_gain"),
        "steps_per_second": bindparam("speed"),
        "first_step_at": func.coalesce(
            jobs.c.first_step_at, case((bindparam("done") > 0, _first_step), else_=None)
        ),
    },
)
FROM_THE_START = Effect(
    words="no fingerprint, no checkpoint, step 0, evictions 0",
    values={
        "fingerprint": None,
        "arithmetic": None,
        "checkpoint_step": None,
        "step": 0,
        "epoch": 0,
        "evictions": 0,
    },
)
