"""The weights that a job starts with, where its spec takes those of another job."""

import numpy as np
from sqlalchemy import Connection

from lockstep.core.ground.errors import InvalidData
from lockstep.core.spec import AnyResolvedSpec, ResolvedSpec
from lockstep.service.store import starts, weights
from lockstep.service.store.damage import damaged
from lockstep.service.store.errors import Corrupt, Damaged, NotFound


class StartGone(InvalidData):
    """The weights to start from are no longer there, or can't be read."""


def starting_weights(tx: Connection, job_id: str, spec: AnyResolvedSpec) -> dict[str, np.ndarray] | None:
    """The weights of `spec.start_from` in state_dict layout; None where the spec of the job names none.

    They were pinned when the job was made, so every attempt, and every replay from step 0, starts with the
    same. Raises StartGone.
    """
    if not isinstance(spec, ResolvedSpec) or spec.start_job is None:
        return None
    try:
        try:
            pinned = starts.load(tx, job_id)
        except (NotFound, Corrupt, InvalidData) as error:
            raise damaged("weights", spec.start_job, error) from error
        # A job of a version before pinned none: the other's are those that it ended with.
        return weights.load(tx, spec.start_job).arrays() if pinned is None else pinned
    except NotFound as error:
        message = f"expected the weights of {spec.start_job}, which are gone; submit the job with another"
        raise StartGone(message) from error
    except Damaged as error:
        raise StartGone(f"{error}, with other weights to start from") from error
