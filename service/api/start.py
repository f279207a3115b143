"""Whether a job may start with the weights of another, and those weights."""

from sqlalchemy import Connection

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission.check_start import check_start
from lockstep.service.api.submission import Start
from lockstep.service.errors import ApiProblem, gone, single_problem
from lockstep.service.store import blobs, jobs, starts
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Damaged, NotFound, Refused
from lockstep.service.store.starts import PinnedStart

POINTER = "/start_from"
START_PROBLEMS = {
    404: "no job has the id in start_from",
    409: "the job in start_from has no weights, or not yet, or no checkpoint of that step; or the job that "
    "the Idempotency-Key made is gone",
    410: "the weights of the job in start_from can't be read any more",
}


def require_start(database: Database, start: Start | None, owner: str | None) -> None:
    """Refuse a start that `owner` (None: anybody's) can't use: as START_PROBLEMS, or 422."""
    if start is None:
        return
    with database.read() as tx:
        try:
            pinned = _pinned(tx, start)
            if pinned is not None and start.cloned_from is not None:
                shapes = starts.shapes_of(tx, pinned, start.cloned_from)
            else:
                shapes = starts.shapes(tx, _seen(tx, start, owner), start.step)
        except (NotFound, Refused, Damaged) as error:
            raise _problem(tx, start, error) from error
    if problems := tuple(check_start(start.shapes, shapes)):
        raise SpecError(problems)


def kept_start(database: Database, start: Start | None) -> PinnedStart | None:
    """The weights of a start that was found usable, kept as a blob; a job that names them pins it."""
    if start is None:
        return None
    with database.read() as tx:
        try:
            found = _pinned(tx, start) or starts.find(tx, start.job_id, start.step)
        except (NotFound, Refused, Damaged) as error:
            raise _problem(tx, start, error) from error
    if found.data is not None:
        blobs.keep(database, found.data, found.sha256)
    return found


def _pinned(tx: Connection, start: Start) -> PinnedStart | None:
    """What the job that is cloned has pinned of the same: the other job may be gone."""
    if start.cloned_from is None:
        return None
    return starts.pinned_by(tx, start.cloned_from, start.job_id, start.step)


def _seen(tx: Connection, start: Start, owner: str | None) -> str:
    try:
        return jobs.summary(tx, start.job_id, owner).id
    except NotFound as error:
        raise single_problem(404, "unknown_job", str(error), POINTER) from error


def _problem(tx: Connection, start: Start, error: Exception) -> ApiProblem:
    match error:
        case Refused():
            return single_problem(409, error.reason, str(error), POINTER)
        case Damaged():
            return gone(f"{error.part}_damaged", str(error), POINTER)
    job = jobs.summary(tx, start.job_id, None)
    message = f"expected a job that has learned something: {error}; take another"
    code = "no_weights" if job.is_terminal else "result_not_ready"
    return single_problem(409, code, message, POINTER)
