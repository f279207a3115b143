"""The ops by name. A new op is one class and its place in the OPS of its module."""

from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.model.ops import (
    activations,
    arithmetic,
    attention,
    batch_norm,
    convolution,
    dropout,
    embedding,
    functions,
    gelu,
    gru,
    hard_activations,
    joining,
    layer_norm,
    linear,
    lstm,
    pooling,
    recurrent,
    shapes,
    softmax,
    sources,
)
from lockstep.core.model.ops.base import Op

_MODULES = (
    sources,
    linear,
    activations,
    arithmetic,
    functions,
    shapes,
    convolution,
    pooling,
    batch_norm,
    dropout,
    attention,
    embedding,
    gelu,
    gru,
    hard_activations,
    joining,
    layer_norm,
    lstm,
    recurrent,
    softmax,
)

OPS: Mapping[str, Op] = MappingProxyType({op.name: op for module in _MODULES for op in module.OPS})
