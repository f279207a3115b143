"""What a spec says about the states that are kept along the way. No bit of what is learned hangs on it."""

from typing import Annotated

from lockstep.core.ground.fields import SpecModel, Switch, Whole

MAX_KEPT = 1_000
"""Regular checkpoints of one job: each is as large as the model and its optimizer."""
MAX_KEPT_LAST = 100


class CheckpointRules(SpecModel):
    """Which checkpoints stay as long as the job does."""

    every_steps: Annotated[int, Whole(ge=1)] | None = None
    """keep the state after each multiple of this many steps"""
    keep_last: Annotated[int, Whole(ge=1, le=MAX_KEPT_LAST)] | None = None
    """keep so many of the latest; while the job runs there are two at least, for one may turn out damaged"""
    keep_best: Switch = False
    """keep the state at the end of the epoch with the lowest validation loss"""
