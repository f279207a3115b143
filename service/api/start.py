"""Whether a job may start with the weights of another."""

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission.check_start import check_start
from lockstep.service.api.submission import Start
from lockstep.service.errors import gone, single_problem
from lockstep.service.store import jobs, weights
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Damaged, NotFound

POINTER = "/start_from"
START_PROBLEMS = {
    404: "no job has the id in start_from",
    409: "the job in start_from has no weights, or not yet",
    410: "the weights of the job in start_from can't be read any more",
}


def require_start(database: Database, start: Start | None, owner: str | None) -> None:
    """Refuse a start that `owner` (None: anybody's) can't use: as START_PROBLEMS, or 422."""
    if start is None:
        return
    with database.read() as tx:
        try:
            job = jobs.summary(tx, start.job_id, owner)
        except NotFound as error:
            raise single_problem(404, "unknown_job", str(error), POINTER) from error
        try:
            shapes = weights.shapes(tx, job.id)
        except NotFound as error:
            message = f"expected a job that has learned something: {error}; take another"
            code = "no_weights" if job.is_terminal else "result_not_ready"
            raise single_problem(409, code, message, POINTER) from error
        except Damaged as error:
            raise gone(f"{error.part}_damaged", str(error), POINTER) from error
    if problems := tuple(check_start(start.shapes, shapes)):
        raise SpecError(problems)
