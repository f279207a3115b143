"""The weights that a job starts with, where its spec takes those of another job."""

import numpy as np
from sqlalchemy import Connection

from lockstep.core.ground.errors import InvalidData
from lockstep.core.spec import AnyResolvedSpec, ResolvedSpec
from lockstep.service.store import weights
from lockstep.service.store.errors import Damaged, NotFound


class StartGone(InvalidData):
    """The weights to start from are no longer there, or can't be read."""


def starting_weights(tx: Connection, spec: AnyResolvedSpec) -> dict[str, np.ndarray] | None:
    """The weights of `spec.start_from` in state_dict layout; None where the spec names no job.

    They never change, so every attempt, and every replay from step 0, starts with the same. Raises StartGone.
    """
    if not isinstance(spec, ResolvedSpec) or spec.start_from is None:
        return None
    try:
        return weights.load(tx, spec.start_from).arrays()
    except NotFound as error:
        message = f"expected the weights of {spec.start_from}, which are gone; submit the job with another"
        raise StartGone(message) from error
    except Damaged as error:
        raise StartGone(f"{error}, with other weights to start from") from error
