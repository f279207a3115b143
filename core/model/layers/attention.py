"""Self-attention by several heads: names, shapes and starts of parameters are torch's."""

import math
from dataclasses import dataclass
from typing import Literal

from lockstep.core.ground.fields import Fraction, Switch
from lockstep.core.ground.sizes import Width
from lockstep.core.model.graph import GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Constant, Uniform, linear_bound
from lockstep.core.model.layers.base import Misfit, SingleLayer, require_axes, require_width
from lockstep.core.model.layers.recurrent import SEQUENCE


class MultiheadAttention(SingleLayer):
    """Self-attention over (length, embed_dim), as torch.nn.MultiheadAttention(x, x, x)."""

    type: Literal["multihead_attention"]
    embed_dim: Width
    """how many features come in and go out; a multiple of num_heads"""
    num_heads: Width
    """how many heads look at a part of the features each"""
    dropout: Fraction = 0.0
    """the part of the attention weights that is dropped in training"""
    bias: Switch = True
    """whether learned numbers are added"""
    causal: Switch = False
    """whether a position sees only itself and those before it"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """x (length, embed_dim) -> the same shape."""
        require_axes(x, 2, SEQUENCE)
        require_width(x, 1, "embed_dim", self.embed_dim, (x.shape[0], self.embed_dim))
        require_heads(x, "num_heads", self.num_heads, self.embed_dim)
        heads = Heads(
            name=name, count=self.num_heads, bias=self.bias, causal=self.causal, dropout=self.dropout
        )
        return heads.append(builder, x)


def require_heads(x: Node, key: str, heads: int, features: int) -> None:
    """Raise Misfit where the heads can't have equal parts of the features."""
    if features % heads:
        raise Misfit(
            key,
            "not_a_divisor",
            f"expected a number that divides {features}, because each head has an equal part of the "
            f"features, got {heads}; take {math.gcd(features, heads)}",
            x.shape,
        )


@dataclass(frozen=True, kw_only=True)
class Heads:
    """Self-attention of `count` heads: queries, keys and values by one product, attention, the output's."""

    name: str
    count: int
    bias: bool
    causal: bool
    dropout: float

    def append(self, builder: GraphBuilder, x: Node) -> Node:
        """x (length, features) -> the same shape."""
        length, features = x.shape
        into = _Projection(
            name=f"{self.name}.in_proj",
            prefix=f"{self.name}.in_proj_",
            outputs=3 * features,
            bias=self.bias,
            bound=math.sqrt(6.0 / (features + 3 * features)),
        )
        out = _Projection(
            name=self.name,
            prefix=f"{self.name}.out_proj.",
            outputs=features,
            bias=self.bias,
            bound=linear_bound(features),
        )
        attributes = {"heads": self.count, "causal": int(self.causal), "dropout": self.dropout}
        x = builder.add(
            "attention",
            [into.append(builder, x)],
            shape=(length, features),
            name=f"{self.name}.heads",
            attributes=attributes,
        )
        return out.append(builder, x)


@dataclass(frozen=True, kw_only=True)
class _Projection:
    """A linear node; its weight starts in U(-bound, bound), its bias at 0."""

    name: str
    prefix: str
    outputs: int
    bias: bool
    bound: float

    def append(self, builder: GraphBuilder, x: Node) -> Node:
        """x (..., in) -> (..., outputs)."""
        weight = Parameter(
            name=f"{self.prefix}weight",
            shape=(self.outputs, x.shape[-1]),
            transposed=True,
            initializer=Uniform(bound=self.bound),
        )
        bias = Parameter(name=f"{self.prefix}bias", shape=(self.outputs,), initializer=Constant(value=0.0))
        parameters = [builder.parameter(each) for each in ((weight, bias) if self.bias else (weight,))]
        return builder.add("linear", [x, *parameters], shape=(*x.shape[:-1], self.outputs), name=self.name)
