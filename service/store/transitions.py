"""The transition table of jobs: every change of the status, and what it writes and notes.

The statements are made of it (lifecycle.py), docs/transitions.md shows it, and a test tries each act in each
status against it. replay_transitions.py has the one of replays.
"""

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, func

from lockstep.core.ground.arithmetic import ARITHMETIC, FIRST_ARITHMETIC
from lockstep.service.store.database import clock
from lockstep.service.store.lifecycle import Columns, Condition, Effect, Lifecycle, StatusChange
from lockstep.service.store.statuses import JOB_PHASES, LIVE
from lockstep.service.store.tables import jobs

MAX_EVICTIONS = 3
"""So many in a row without a later checkpoint end the job: it may be what kills its workers."""
RING_AFTER_SECONDS = 2.0
"""POST rings by itself; when that got lost, the reconciler rings from then on."""
ATTEMPTS_SINCE_A_COPY = 1_000
"""No job has so many between the copy of a database and its return: attempts of then never come again."""

LOST = f"Its worker was lost {MAX_EVICTIONS} times before a later checkpoint could be saved."
RESTORED = "The database was restored from a copy; it goes on from the checkpoint in it."
GOES_ON = "Its worker was lost; it goes on from its latest checkpoint."
WOULD_GO_ON = "Its worker was lost; once resumed it goes on from its latest checkpoint."


def begun_by(columns: Columns) -> ColumnElement[int]:
    """The number under which a job that was claimed was begun; versions before the numbers kept none."""
    return func.coalesce(columns.arithmetic, FIRST_ARITHMETIC)


def _because(reason: object, message: object = None) -> Effect:
    return Effect(
        words=f"reason {_told(reason)}", values={"status_reason": reason, "status_message": message}
    )


def _told(reason: object) -> str:
    return "none" if reason is None else f"`{reason}`" if isinstance(reason, str) else "as given"


OUTDATED = Condition(
    words="an older arithmetic began it",
    on=lambda job: job.fingerprint.is_not(None) & (begun_by(job) < ARITHMETIC),
)
_BEGINS_AGAIN = Condition(
    words="an older arithmetic began it and it verifies no other",
    on=lambda job: OUTDATED.on(job) & job.verifies.is_(None),
)
_VERIFIES = Condition(words="it verifies another", on=lambda job: job.verifies.is_not(None))
_LOST_TOO_OFTEN = Condition(
    words=f"{MAX_EVICTIONS} evictions since a later checkpoint",
    on=lambda job: job.evictions + 1 >= MAX_EVICTIONS,
)

_SEEN = Effect(words="version + 1", values={"version": jobs.c.version + 1, "updated_at": clock()})
_CANCELLED = Effect(words="reason `cancel_requested`", values={"status_reason": "cancel_requested"})
_PAUSED = _because("pause_requested")
_FREE = Effect(
    words="no claim",
    values={
        "worker_id": None,
        "worker_pid": None,
        "lease_expires_at": None,
        "workers_active": 0,
        "seats": None,
        "seat_gain": None,
        "steps_per_second": None,
    },
)
_NEXT_ATTEMPT = Effect(words="attempt + 1", values={"attempt": jobs.c.attempt + 1})
_FAR_ATTEMPT = Effect(
    words=f"attempt + {ATTEMPTS_SINCE_A_COPY}", values={"attempt": jobs.c.attempt + ATTEMPTS_SINCE_A_COPY}
)
_RUNG_FOR = Effect(words="rung for at once", values={"ring_due_at": clock(), "rings": 0})
_COUNTED = Effect(words="evictions + 1", values={"evictions": jobs.c.evictions + 1})
ENDED = Effect(words="finished", values={"finished_at": clock()})
RENEWED = Effect(
    words="a lease from now on", values={"lease_expires_at": clock() + bindparam("lease_seconds")}
)
_NEW_JOB = Effect(
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


_CLAIMED = Effect(
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
        "claimed_at": clock(),
        "started_at": func.coalesce(jobs.c.started_at, clock()),
    },
)
_first_step = func.coalesce(jobs.c.claimed_at + bindparam("first_step_seconds"), clock())
_PROGRESS = Effect(
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
_RESULT = Effect(words="the result", values={"result_json": bindparam("result")})
_ERROR = Effect(
    words="the error",
    values={
        "error_code": bindparam("reason"),
        "error_message": bindparam("message"),
        "error_param": bindparam("param"),
    },
)
_LOST_ERROR = Effect(words="the error", values={"error_code": "worker_lost", "error_message": LOST})
_FROM_THE_START = Effect(
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
_given = _because(bindparam("reason"), bindparam("message"))
_evicted = (_NEXT_ATTEMPT, _COUNTED, _FREE, _RUNG_FOR, _SEEN)
_restored = (_FAR_ATTEMPT, _FREE, _RUNG_FOR, _SEEN)

JOBS = Lifecycle(
    table=jobs,
    phases=JOB_PHASES,
    changes=(
        StatusChange(
            act="create", who="user", target="queued",
            effects=(_NEW_JOB,), event="status",
        ),
        StatusChange(
            act="claim", who="worker", sources=("queued",), target="running",
            effects=(_because(None), _CLAIMED, RENEWED, _SEEN), event="status",
        ),
        StatusChange(
            act="explain", who="service", sources=("queued",),
            effects=(_given, _SEEN),
        ),
        StatusChange(
            act="begin_again", who="service", sources=("queued",), only_if=_BEGINS_AGAIN,
            effects=(_because(None, bindparam("message")), _FROM_THE_START, _RUNG_FOR, _SEEN),
            event="began_again",
        ),
        StatusChange(
            act="leave_uncompared", who="service", sources=("queued",), target="succeeded", only_if=_VERIFIES,
            effects=(_because("not_comparable"), _RESULT, ENDED, _SEEN), event="status",
        ),
        StatusChange(
            act="pause", who="user", sources=("queued",), target="paused",
            effects=(_PAUSED, _SEEN), event="status",
        ),
        StatusChange(
            act="pause", who="user", sources=("running",), target="pausing",
            effects=(_PAUSED, _SEEN), event="status",
        ),
        StatusChange(
            act="resume", who="user", sources=("paused",), target="queued",
            effects=(_because("resumed"), _RUNG_FOR, _SEEN), event="status",
        ),
        StatusChange(
            act="resume", who="user", sources=("pausing",), target="running",
            effects=(_because(None), _SEEN), event="status",
        ),
        StatusChange(
            act="cancel", who="user", sources=("queued", "paused"), target="cancelled",
            effects=(_because("cancel_requested"), ENDED, _SEEN), event="status",
        ),
        StatusChange(
            act="cancel", who="user", sources=("running", "pausing"), target="cancelling",
            effects=(_CANCELLED, _SEEN), event="status",
        ),
        StatusChange(
            act="renew", who="holder", sources=LIVE,
            effects=(RENEWED,),
        ),
        StatusChange(
            act="progress", who="holder", sources=LIVE,
            effects=(_PROGRESS, _SEEN),
        ),
        StatusChange(
            act="succeed", who="holder", sources=("running", "pausing"), target="succeeded",
            effects=(_because(bindparam("reason")), _RESULT, ENDED, _FREE, _SEEN),
            outcome="succeeded", event="status",
        ),
        StatusChange(
            act="fail", who="holder", sources=("running", "pausing"), target="failed",
            effects=(_given, _ERROR, ENDED, _FREE, _SEEN), outcome="failed", event="status",
        ),
        StatusChange(
            act="finish_pause", who="holder", sources=("pausing",), target="paused",
            effects=(_PAUSED, _NEXT_ATTEMPT, _FREE, _SEEN), outcome="released", event="status",
        ),
        StatusChange(
            act="finish_cancel", who="holder", sources=("cancelling",), target="cancelled",
            effects=(_CANCELLED, ENDED, _FREE, _SEEN), outcome="cancelled", event="status",
        ),
        StatusChange(
            act="release", who="holder", sources=("running",), target="queued",
            effects=(_given, _NEXT_ATTEMPT, _FREE, _RUNG_FOR, _SEEN), outcome="released", event="status",
        ),
        StatusChange(
            act="release", who="holder", sources=("pausing",), target="paused",
            effects=(_PAUSED, _NEXT_ATTEMPT, _FREE, _SEEN), outcome="released", event="status",
        ),
        StatusChange(
            act="release", who="holder", sources=("cancelling",), target="cancelled",
            effects=(_CANCELLED, ENDED, _FREE, _SEEN), outcome="cancelled", event="status",
        ),
        StatusChange(
            act="evict", who="service", sources=("running",), target="failed", only_if=_LOST_TOO_OFTEN,
            effects=(_because("worker_lost", LOST), _LOST_ERROR, ENDED, *_evicted),
            outcome="evicted", event="status",
        ),
        StatusChange(
            act="evict", who="service", sources=("running",), target="queued",
            effects=(_because("worker_lost", GOES_ON), *_evicted), outcome="evicted", event="status",
        ),
        StatusChange(
            act="evict", who="service", sources=("pausing",), target="paused",
            effects=(_because("pause_requested", WOULD_GO_ON), *_evicted), outcome="evicted", event="status",
        ),
        StatusChange(
            act="evict", who="service", sources=("cancelling",), target="cancelled",
            effects=(_because("cancel_requested"), ENDED, *_evicted), outcome="evicted", event="status",
        ),
        StatusChange(
            act="restore", who="service", sources=("queued", "paused"),
            effects=(_FAR_ATTEMPT, _SEEN),
        ),
        StatusChange(
            act="restore", who="service", sources=("running",), target="queued",
            effects=(_because("worker_lost", RESTORED), *_restored), outcome="evicted", event="status",
        ),
        StatusChange(
            act="restore", who="service", sources=("pausing",), target="paused",
            effects=(_PAUSED, *_restored), outcome="evicted", event="status",
        ),
        StatusChange(
            act="restore", who="service", sources=("cancelling",), target="cancelled",
            effects=(_CANCELLED, ENDED, *_restored), outcome="evicted", event="status",
        ),
    ),
)  # fmt: skip
