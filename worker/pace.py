"""When to look up from the work: how many steps at a time, and how often a checkpoint."""

STRIDE_SECONDS = 0.05
"""Between two looks at the clock, the lease and requests to stop."""
SHORT_STRIDE_SECONDS = 0.01
"""The same while it is being found out what a step takes on another number of workers."""
STRIDE_GROWTH = 8
"""The first strides know nothing about the speed; each may be this many times longer than the one before."""
CHECKPOINT_SHARE = 0.02
"""The part of the time that checkpoints may cost."""
MAX_CHECKPOINT_SHARE = 0.2
"""The same where 2 % would leave more than `checkpoint_seconds` between two."""


class Stride:
    """How many steps to take before looking up again."""

    def __init__(self) -> None:
        self.steps = 1

    def took(self, steps: int, seconds: float, fitting_seconds: float = STRIDE_SECONDS) -> None:
        """Learn from `steps` steps that took `seconds`; the next ones are to take `fitting_seconds`."""
        fitting = fitting_seconds * steps / max(seconds, 1e-9)
        self.steps = max(1, int(min(fitting, self.steps * STRIDE_GROWTH)))


class CheckpointPace:
    """When a checkpoint is due: as often as costs 2 % of the time, no rarer than `checkpoint_seconds`.

    `hurried`: the first one wants to be saved at once, not with the first regular report. So it is where an
    attempt has ended early before this one: whatever ended it may come again within a second.
    """

    def __init__(self, checkpoint_seconds: float, *, hurried: bool = False) -> None:
        self._checkpoint_seconds = checkpoint_seconds
        self._due_at = 0.0
        self.hurried = hurried

    def due(self, now: float) -> bool:
        """Whether one should be saved at `now` (monotonic); the first is due at once."""
        return now >= self._due_at

    def saved(self, now: float, cost_seconds: float) -> None:
        """One was saved at `now`, which took `cost_seconds`."""
        self.hurried = False
        cheap = cost_seconds / CHECKPOINT_SHARE
        interval = cost_seconds / MAX_CHECKPOINT_SHARE
        self._due_at = now + max(interval, min(cheap, self._checkpoint_seconds))
