"""The weights that a job starts with, where its spec takes those of another job."""

import numpy as np

from core.encoding import from_safetensors
from core.errors import InvalidData
from core.spec import AnyResolvedSpec, ResolvedSpec
from service.store import weights
from service.store.database import Database
from service.store.errors import NotFound


class StartGone(InvalidData):
    """The job to start from is no longer there."""


def starting_weights(database: Database, spec: AnyResolvedSpec) -> dict[str, np.ndarray] | None:
    """The weights of `spec.start_from` in state_dict layout; None where the spec names no job.

    They never change, so every attempt, and every replay from step 0, starts with the same. Raises StartGone.
    """
    if not isinstance(spec, ResolvedSpec) or spec.start_from is None:
        return None
    with database.read() as tx:
        try:
            stored = weights.load(tx, spec.start_from)
        except NotFound as error:
            message = (
                f"expected the weights of {spec.start_from}, which are gone; submit the job with another"
            )
            raise StartGone(message) from error
    return from_safetensors(stored.safetensors)
