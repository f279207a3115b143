"""The ops by name. A new op is one class and its place in the OPS of its module."""

from collections.abc import Mapping
from types import MappingProxyType

from core.ops import activations, arithmetic, functions, linear, sources
from core.ops.base import Op

OPS: Mapping[str, Op] = MappingProxyType(
    {op.name: op for module in (sources, linear, activations, arithmetic, functions) for op in module.OPS}
)
