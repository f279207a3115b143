"""Models of a spec: layers in a row, or a formula. Names, defaults and arithmetic are those of torch.nn."""

from lockstep.core.model.spec.composite import (
    LAYER_TYPES,
    CompositeLayer,
    Concat,
    Layer,
    LayerGroup,
    Residual,
    SequentialLayers,
    SingleLayer,
    walk,
)
from lockstep.core.model.spec.dense import MAX_WIDTH
from lockstep.core.model.spec.model import NAME_PATTERN, ExpressionModel, LayersModel, Model

__all__ = [
    "LAYER_TYPES",
    "MAX_WIDTH",
    "NAME_PATTERN",
    "CompositeLayer",
    "Concat",
    "ExpressionModel",
    "Layer",
    "LayerGroup",
    "LayersModel",
    "Model",
    "Residual",
    "SequentialLayers",
    "SingleLayer",
    "walk",
]
