"""When to build the plan of several shards: its probes take as long as some steps, and a job may be short.

Both the price of the probes and what a run together spares grow with the size of a run, and the latter with
the number of shards, too. So counts decide, not clocks: the more shards, the fewer runs they go one by one.
Of plans of the same shapes this process has the answers already, and builds them at once.
"""

from lockstep.core.data.dataset import Part
from lockstep.core.engine.fast.together import Together, all_together
from lockstep.core.losses import LossSpec
from lockstep.core.model.parameters import Parameters

PATIENCE = 512
"""So many shards that might have gone with the first of their block go by themselves before one is built."""
_told: set[int] = set()
"""Hashes of the plans whose answers are there. Two that are alike by chance cost one job its probes."""


class Patience:
    """The plans of several shards of a job, built when it has lasted."""

    def __init__(self, loss: LossSpec, parameters: Parameters, part: Part, seed: int) -> None:
        self._given = (parameters, part, seed)
        self._loss = loss
        self._spared: dict[tuple[int, int], int] = {}
        self.built: dict[tuple[int, int], Together | None] = {}

    def plan(self, shape: tuple[int, int]) -> Together | None:
        """The plan of (shards, rows of each); None where they go one by one, for now or for good."""
        if shape in self.built:
            return self.built[shape]
        if shape not in self._spared:
            self._spared[shape] = PATIENCE + 1 if self._name(shape) in _told else 0
        if self._spared[shape] <= PATIENCE:
            self._spared[shape] += shape[0] - 1
            return None
        self.built[shape] = all_together(self._loss, shape, *self._given)
        _told.add(self._name(shape))
        return self.built[shape]

    def _name(self, shape: tuple[int, int]) -> int:
        parameters, part, _ = self._given
        model = (repr(self._loss), repr(parameters.graph.nodes), parameters.dtype.str)
        return hash((model, part.x.shape[1:], part.y.dtype.str, shape))
