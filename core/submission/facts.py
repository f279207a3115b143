"""What follows from the data and the model of a training, worked out once for all who look at it."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lockstep.core.data.shapes import DataShape, shape_of
from lockstep.core.data.sources import targets_of
from lockstep.core.data.spec import Data, InlineData
from lockstep.core.data.split import PartSizes, part_sizes
from lockstep.core.ground.errors import Problem
from lockstep.core.model.build import assemble, build_graph
from lockstep.core.model.graph import Graph
from lockstep.core.model.spec import ExpressionModel, LayersModel
from lockstep.core.spec.job import TrainSpec


@dataclass(frozen=True)
class Facts:
    """Each is worked out when it is first asked for. They hold as long as data and model are these."""

    data: Data
    model: LayersModel | ExpressionModel

    @classmethod
    def of(cls, spec: TrainSpec) -> "Facts":
        """Those of a training."""
        return cls(spec.data, spec.model)

    @cached_property
    def shape(self) -> DataShape:
        """How large the data is."""
        return shape_of(self.data)

    @cached_property
    def parts(self) -> PartSizes:
        """How many rows train, validate and test."""
        return part_sizes(self.shape.rows, self.data)

    @cached_property
    def inputs(self) -> np.ndarray | None:
        """Inline inputs, float64 (rows,) or (rows, columns); None for other data."""
        if not isinstance(self.data, InlineData):
            return None
        return np.asarray(self.data.inline.x, dtype=np.float64)

    @cached_property
    def targets(self) -> np.ndarray:
        """The targets of all rows, float64 or int64 (rows,) or (rows, columns), in the data's order."""
        return targets_of(self.data)

    @cached_property
    def assembled(self) -> tuple[Graph | None, tuple[Problem, ...]]:
        """The graph of layers on these columns, and what keeps it from being one."""
        if not isinstance(self.model, LayersModel):
            raise TypeError("expected a model of layers, got an expression")
        return assemble(self.model, self.shape.columns)

    @cached_property
    def graph(self) -> Graph:
        """The model's graph; the spec has passed its checks."""
        if isinstance(self.model, LayersModel) and (graph := self.assembled[0]) is not None:
            return graph
        return build_graph(self.model, self.shape.columns)
