"""Attention and the transformer's encoder layer: the parameters' names, shapes and starts are torch's."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from lockstep.core.ground.fields import SpecModel
from lockstep.core.model.graph import GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Constant, Uniform, linear_bound
from lockstep.core.model.layers.base import Builder, Misfit, require_axes, require_width
from lockstep.core.model.layers.dense import append_linear
from lockstep.core.model.layers.normalization import append_layer_norm
from lockstep.core.model.layers.sequence import SEQUENCE
from lockstep.core.model.spec.dense import Linear
from lockstep.core.model.spec.normalization import LayerNorm
from lockstep.core.model.spec.sequence import MultiheadAttention, TransformerEncoderLayer


def append_multihead_attention(builder: GraphBuilder, x: Node, name: str, layer: MultiheadAttention) -> Node:
    """x (length, embed_dim) -> the same shape."""
    require_axes(x, 2, SEQUENCE)
    require_width(x, 1, "embed_dim", layer.embed_dim, (x.shape[0], layer.embed_dim))
    _require_heads(x, "num_heads", layer.num_heads, layer.embed_dim)
    heads = _Heads(
        name=name, count=layer.num_heads, bias=layer.bias, causal=layer.causal, dropout=layer.dropout
    )
    return heads.append(builder, x)


def append_transformer_encoder_layer(
    builder: GraphBuilder, x: Node, name: str, layer: TransformerEncoderLayer
) -> Node:
    """x (length, d_model) -> the same shape: attention and two linear layers, each added to what it takes."""
    require_axes(x, 2, SEQUENCE)
    require_width(x, 1, "d_model", layer.d_model, (x.shape[0], layer.d_model))
    _require_heads(x, "nhead", layer.nhead, layer.d_model)
    norm = LayerNorm(type="layer_norm", normalized_shape=(layer.d_model,), eps=layer.layer_norm_eps)
    for number, append in ((1, _append_attention_part), (2, _append_feedforward_part)):
        inner = append_layer_norm(builder, x, f"{name}.norm{number}", norm) if layer.norm_first else x
        inner = _append_dropout(
            builder, append(builder, inner, name, layer), f"{name}.dropout{number}", layer
        )
        x = builder.add("add", [x, inner], shape=x.shape, name=f"{name}.add{number}")
        if not layer.norm_first:
            x = append_layer_norm(builder, x, f"{name}.norm{number}", norm)
    return x


def _append_attention_part(builder: GraphBuilder, x: Node, name: str, layer: TransformerEncoderLayer) -> Node:
    heads = _Heads(
        name=f"{name}.self_attn",
        count=layer.nhead,
        bias=True,
        causal=layer.causal,
        dropout=layer.dropout,
    )
    return heads.append(builder, x)


def _append_feedforward_part(
    builder: GraphBuilder, x: Node, name: str, layer: TransformerEncoderLayer
) -> Node:
    first = {"type": "linear", "in": layer.d_model, "out": layer.dim_feedforward}
    second = {"type": "linear", "in": layer.dim_feedforward, "out": layer.d_model}
    x = append_linear(builder, x, f"{name}.linear1", Linear.model_validate(first))
    x = builder.add(layer.activation, [x], shape=x.shape, name=f"{name}.activation")
    x = _append_dropout(builder, x, f"{name}.dropout", layer)
    return append_linear(builder, x, f"{name}.linear2", Linear.model_validate(second))


def _append_dropout(builder: GraphBuilder, x: Node, name: str, layer: TransformerEncoderLayer) -> Node:
    if not layer.dropout:
        return x
    return builder.add("dropout", [x], shape=x.shape, name=name, attributes={"p": layer.dropout})


def _require_heads(x: Node, key: str, heads: int, features: int) -> None:
    if features % heads:
        raise Misfit(
            key,
            "not_a_divisor",
            f"expected a number that divides {features}, because each head has an equal part of the "
            f"features, got {heads}; take {math.gcd(features, heads)}",
            x.shape,
        )


@dataclass(frozen=True, kw_only=True)
class _Heads:
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


BUILDERS: Mapping[type[SpecModel], Builder] = MappingProxyType(
    {
        MultiheadAttention: append_multihead_attention,
        TransformerEncoderLayer: append_transformer_encoder_layer,
    }
)
