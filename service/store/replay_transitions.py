"""The transition table of replays, as transitions.py has the one of jobs."""

from sqlalchemy import ColumnElement, and_, bindparam

from lockstep.service.store.database import clock
from lockstep.service.store.lifecycle import Columns, Condition, Effect, Lifecycle, StatusChange
from lockstep.service.store.statuses import REPLAY_PHASES
from lockstep.service.store.tables import replays
from lockstep.service.store.transitions import ENDED, RENEWED

MAX_TRIES = 3
ASK_AGAIN_SECONDS = 10.0
"""A question that could not be answered may be asked again after this long."""
GIVEN_UP = f"{MAX_TRIES} workers died over it; try another step"


def _lapsed(replay: Columns) -> ColumnElement[bool]:
    is_over: ColumnElement[bool] = replay.lease_expires_at <= clock()
    return is_over


_LAPSED = Condition(words="its lease ran out", on=_lapsed)
_TRIED_TOO_OFTEN = Condition(
    words=f"its lease ran out at try {MAX_TRIES}",
    on=lambda replay: and_(_lapsed(replay), replay.tries >= MAX_TRIES),
)
_UNANSWERED = Condition(
    words=f"that was {ASK_AGAIN_SECONDS:.0f} s ago",
    on=lambda replay: replay.finished_at < clock() - ASK_AGAIN_SECONDS,
)
_DAMAGED = Condition(
    words="the answer can't be read", on=lambda replay: replay.result_sha256 == bindparam("damaged")
)
_ASKED = Effect(words="tries 0", values={"tries": 0, "requested_at": clock()})
_NO_LONGER_FAILED = Effect(words="no error", values={"error_message": None, "finished_at": None})
_NO_LONGER_DONE = Effect(words="no answer", values={"result_sha256": None, "finished_at": None})
_UNCLAIMED = Effect(words="no claim", values={"worker_id": None, "lease_expires_at": None})
_TRIED = Effect(words="tries + 1", values={"tries": replays.c.tries + 1, "worker_id": bindparam("worker")})
_UNTRIED = Effect(words="tries - 1", values={"tries": replays.c.tries - 1})
_ANSWER = Effect(words="the answer", values={"result_sha256": bindparam("sha256")})
_MESSAGE = Effect(words="the error", values={"error_message": bindparam("message")})
_DEATHS = Effect(words="the error", values={"error_message": GIVEN_UP})

REPLAYS = Lifecycle(
    table=replays,
    phases=REPLAY_PHASES,
    changes=(
        StatusChange(act="ask", who="user", target="queued", effects=(_ASKED,)),
        StatusChange(
            act="ask_again", who="user", sources=("failed",), target="queued", only_if=_UNANSWERED,
            effects=(_ASKED, _NO_LONGER_FAILED),
        ),
        StatusChange(
            act="ask_anew", who="user", sources=("done",), target="queued", only_if=_DAMAGED,
            effects=(_ASKED, _NO_LONGER_DONE),
        ),
        StatusChange(
            act="claim", who="worker", sources=("queued",), target="running", effects=(_TRIED, RENEWED)
        ),
        StatusChange(
            act="claim", who="worker", sources=("running",), target="running", only_if=_LAPSED,
            effects=(_TRIED, RENEWED),
        ),
        StatusChange(act="renew", who="holder", sources=("running",), effects=(RENEWED,)),
        StatusChange(
            act="finish", who="holder", sources=("running",), target="done",
            effects=(_ANSWER, ENDED, _UNCLAIMED),
        ),
        StatusChange(
            act="fail", who="holder", sources=("running",), target="failed",
            effects=(_MESSAGE, ENDED, _UNCLAIMED),
        ),
        StatusChange(
            act="release", who="holder", sources=("running",), target="queued", effects=(_UNTRIED, _UNCLAIMED)
        ),
        StatusChange(
            act="give_up", who="service", sources=("running",), target="failed", only_if=_TRIED_TOO_OFTEN,
            effects=(_DEATHS, ENDED, _UNCLAIMED),
        ),
    ),
)  # fmt: skip
