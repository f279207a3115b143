"""Batch norm with its running mean and variance, and layer norm."""

from collections.abc import Sequence
from types import MappingProxyType

import numpy as np

from lockstep.core.export.elementwise import number
from lockstep.core.export.emitter import Emitter, Writers
from lockstep.core.model.graph import Node


def _batch_norm(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    x, mean, variance, *affine = inputs
    weight, bias = affine or (_filled(out, node.shape[:1], 1.0), _filled(out, node.shape[:1], 0.0))
    return out.emit(
        "BatchNormalization", x, weight, bias, mean, variance, epsilon=number(node, "eps"), name=node.name
    )


def _layer_norm(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    axes = int(number(node, "axes"))
    x, *affine = inputs
    weight_and_bias = affine or [_filled(out, node.shape[-axes:], 1.0)]
    return out.emit(
        "LayerNormalization", x, *weight_and_bias, axis=-axes, epsilon=number(node, "eps"), name=node.name
    )


def _filled(out: Emitter, shape: tuple[int, ...], value: float) -> str:
    return out.constant(np.full(shape, value, out.dtype))


WRITERS: Writers = MappingProxyType({"batch_norm": _batch_norm, "layer_norm": _layer_norm})
