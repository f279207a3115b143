"""The job spec: the one definition that API, store, workers, command line and OpenAPI share.

What each part means stands with it; whether a spec can be trained is `core.submission`'s to say.
"""

from core.spec.data import BuiltinData, Data, GeneratedData, InlineData, InlineRows
from core.spec.job import DType, ResolvedSpec, TrainSpec, default_dtype
from core.spec.layers import (
    Elu,
    ExpressionModel,
    Identity,
    Layer,
    LayerGroup,
    LayersModel,
    LeakyRelu,
    Linear,
    Model,
    Relu,
    Sigmoid,
    Silu,
    SingleLayer,
    Softplus,
    Tanh,
    walk_layers,
)
from core.spec.training import Adam, HuberLoss, Loss, Optimizer, PlainLoss, Sgd, StopRules

__all__ = [
    "Adam",
    "BuiltinData",
    "DType",
    "Data",
    "Elu",
    "ExpressionModel",
    "GeneratedData",
    "HuberLoss",
    "Identity",
    "InlineData",
    "InlineRows",
    "Layer",
    "LayerGroup",
    "LayersModel",
    "LeakyRelu",
    "Linear",
    "Loss",
    "Model",
    "Optimizer",
    "PlainLoss",
    "Relu",
    "ResolvedSpec",
    "Sgd",
    "Sigmoid",
    "Silu",
    "SingleLayer",
    "Softplus",
    "StopRules",
    "Tanh",
    "TrainSpec",
    "default_dtype",
    "walk_layers",
]
