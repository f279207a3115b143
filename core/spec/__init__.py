"""The job spec: the one definition that API, store, workers, command line and OpenAPI share.

What each part means stands with it; whether a spec can be trained is `core.submission`'s to say.
"""

from lockstep.core.data.spec import BuiltinData, Data, GeneratedData, InlineData, InlineRows
from lockstep.core.losses.base import LossSpec
from lockstep.core.losses.kinds import AnyLoss
from lockstep.core.model.spec import (
    ExpressionModel,
    LayersModel,
    Model,
)
from lockstep.core.spec.job import ResolvedSpec, TrainSpec, default_dtype
from lockstep.core.spec.kinds import SPECS, AnyResolvedSpec, AnySpec, read_resolved
from lockstep.core.spec.labels import DType, Kind
from lockstep.core.spec.minimize import MinimizeSpec
from lockstep.core.spec.solve import SolveSpec
from lockstep.core.spec.stop import StopRules

__all__ = [
    "SPECS",
    "AnyLoss",
    "AnyResolvedSpec",
    "AnySpec",
    "BuiltinData",
    "DType",
    "Data",
    "ExpressionModel",
    "GeneratedData",
    "InlineData",
    "InlineRows",
    "Kind",
    "LayersModel",
    "LossSpec",
    "MinimizeSpec",
    "Model",
    "ResolvedSpec",
    "SolveSpec",
    "StopRules",
    "TrainSpec",
    "default_dtype",
    "read_resolved",
]
