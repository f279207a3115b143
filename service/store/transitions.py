"""The transition table of jobs: every change of the status, and what it writes and notes.

The statements are made of it (lifecycle.py), docs/transitions.md shows it, and a test tries each act in each
status against it. replay_transitions.py has the one of replays.
"""

from sqlalchemy import bindparam, case

from lockstep.service.store.database import clock
from lockstep.service.store.job_conditions import (
    AGAIN_LOST_SECONDS,
    BEGINS_AGAIN,
    LOST_TOO_OFTEN,
    TAKES_TOO_LONG,
    TOOK_TOO_LONG,
    VERIFIES,
    WAITED_TOO_LONG,
    seconds_of_claim,
)
from lockstep.service.store.job_effects import CLAIMED, FROM_THE_START, NEW_JOB, PROGRESS
from lockstep.service.store.job_reasons import (
    DEADLINE_EXCEEDED,
    GOES_ON,
    LOST,
    NEVER_BEGUN,
    RAN_OUT,
    RESTORED,
    WAITING_FOR_WORKER,
    WOULD_GO_ON,
)
from lockstep.service.store.lifecycle import Effect, Lifecycle, StatusChange
from lockstep.service.store.statuses import JOB_PHASES, LIVE
from lockstep.service.store.tables import jobs

ATTEMPTS_SINCE_A_COPY = 1_000
"""No job has so many between the copy of a database and its return: attempts of then never come again."""


def _because(reason: object, message: object = None) -> Effect:
    return Effect(
        words=f"reason {_told(reason)}", values={"status_reason": reason, "status_message": message}
    )


def _told(reason: object) -> str:
    return "none" if reason is None else f"`{reason}`" if isinstance(reason, str) else "as given"


_SEEN = Effect(words="version + 1", values={"version": jobs.c.version + 1, "updated_at": clock()})
_CANCELLED = Effect(words="reason `cancel_requested`", values={"status_reason": "cancel_requested"})
_PAUSED = _because("pause_requested")
_FREE = Effect(
    words="no claim, its time added to run_seconds",
    values={
        "run_seconds": jobs.c.run_seconds + seconds_of_claim(jobs.c),
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
_wait = case(
    *((jobs.c.evictions + 1 == count, seconds) for count, seconds in enumerate(AGAIN_LOST_SECONDS, start=1)),
    else_=AGAIN_LOST_SECONDS[-1],
)
_waits = ", ".join(f"{seconds:.0f}" for seconds in AGAIN_LOST_SECONDS)
_WAITS = Effect(
    words=f"not before {_waits} s later, by evictions; rung for then",
    values={"not_before_at": clock() + _wait, "ring_due_at": clock() + _wait, "rings": 0},
)
_COUNTED = Effect(words="evictions + 1", values={"evictions": jobs.c.evictions + 1})
ENDED = Effect(words="finished", values={"finished_at": clock()})
RENEWED = Effect(
    words="a lease from now on", values={"lease_expires_at": clock() + bindparam("lease_seconds")}
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


def _expired(limit: str, message: str) -> tuple[Effect, ...]:
    error = {"error_code": DEADLINE_EXCEEDED, "error_message": message, "error_param": limit}
    return (
        _because(DEADLINE_EXCEEDED, message),
        Effect(words=f"the error, of `{limit}`", values=error),
        ENDED,
        _SEEN,
    )


_given = _because(bindparam("reason"), bindparam("message"))
_evicted = (_NEXT_ATTEMPT, _COUNTED, _FREE, _SEEN)
_restored = (_FAR_ATTEMPT, _FREE, _RUNG_FOR, _SEEN)

JOBS = Lifecycle(
    table=jobs,
    phases=JOB_PHASES,
    changes=(
        StatusChange(
            act="create", who="user", target="queued",
            effects=(_because(WAITING_FOR_WORKER), NEW_JOB), event="status",
        ),
        StatusChange(
            act="claim", who="worker", sources=("queued",), target="running",
            effects=(_because(None), CLAIMED, RENEWED, _SEEN), event="status",
        ),
        StatusChange(
            act="explain", who="service", sources=("queued",),
            effects=(_given, _SEEN),
        ),
        StatusChange(
            act="begin_again", who="service", sources=("queued",), only_if=BEGINS_AGAIN,
            effects=(
                _because(WAITING_FOR_WORKER, bindparam("message")), FROM_THE_START, _RUNG_FOR, _SEEN,
            ),
            event="began_again",
        ),
        StatusChange(
            act="leave_uncompared", who="service", sources=("queued",), target="succeeded", only_if=VERIFIES,
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
            effects=(PROGRESS, _SEEN),
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
            act="evict", who="service", sources=("running",), target="failed", only_if=LOST_TOO_OFTEN,
            effects=(_because("worker_lost", LOST), _LOST_ERROR, ENDED, *_evicted),
            outcome="evicted", event="status",
        ),
        StatusChange(
            act="evict", who="service", sources=("running",), target="queued",
            effects=(_because("worker_lost", GOES_ON), *_evicted, _WAITS), outcome="evicted", event="status",
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
        StatusChange(
            act="expire", who="service", sources=("queued",), target="failed", only_if=WAITED_TOO_LONG,
            effects=_expired("max_queue_seconds", NEVER_BEGUN), event="status",
        ),
        StatusChange(
            act="expire", who="service", sources=("queued",), target="failed", only_if=TOOK_TOO_LONG,
            effects=_expired("max_run_seconds", RAN_OUT), event="status",
        ),
        StatusChange(
            act="expire", who="service", sources=("running",), target="failed", only_if=TAKES_TOO_LONG,
            effects=(_NEXT_ATTEMPT, _FREE, *_expired("max_run_seconds", RAN_OUT)),
            outcome="failed", event="status",
        ),
    ),
)  # fmt: skip
