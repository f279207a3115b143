"""The transformer's encoder layer: names, shapes and starts of parameters are torch's."""

from typing import Literal

from lockstep.core.ground.fields import Eps, Fraction, Switch
from lockstep.core.ground.sizes import Width
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers.attention import Heads, require_heads
from lockstep.core.model.layers.base import SingleLayer, require_axes, require_width
from lockstep.core.model.layers.layer_norm import LayerNorm
from lockstep.core.model.layers.linear import Linear
from lockstep.core.model.layers.recurrent import SEQUENCE


class TransformerEncoderLayer(SingleLayer):
    """Self-attention, two linear layers, residuals and norms, as torch.nn.TransformerEncoderLayer."""

    type: Literal["transformer_encoder_layer"]
    d_model: Width
    """how many features come in and go out"""
    nhead: Width
    """how many heads there are"""
    dim_feedforward: Width = 2048
    """how many features lie between the two linear layers"""
    dropout: Fraction = 0.1
    """the part that is dropped in training, at the four places where PyTorch does"""
    activation: Literal["relu", "gelu"] = "relu"
    """what stands between the two linear layers"""
    layer_norm_eps: Eps = 1e-5
    """what the norms add to the variance"""
    norm_first: Switch = False
    """whether the norms come before attention and linear layers instead of after"""
    causal: Switch = False
    """whether a position sees only itself and those before it"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """x (length, d_model) -> the same shape: attention, then two linear layers, each added."""
        require_axes(x, 2, SEQUENCE)
        require_width(x, 1, "d_model", self.d_model, (x.shape[0], self.d_model))
        require_heads(x, "nhead", self.nhead, self.d_model)
        norm = LayerNorm(type="layer_norm", normalized_shape=(self.d_model,), eps=self.layer_norm_eps)
        for number, append in ((1, self._append_attention), (2, self._append_feedforward)):
            inner = norm.append(builder, x, f"{name}.norm{number}") if self.norm_first else x
            inner = self._append_dropout(builder, append(builder, inner, name), f"{name}.dropout{number}")
            x = builder.add("add", [x, inner], shape=x.shape, name=f"{name}.add{number}")
            if not self.norm_first:
                x = norm.append(builder, x, f"{name}.norm{number}")
        return x

    def _append_attention(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        heads = Heads(
            name=f"{name}.self_attn",
            count=self.nhead,
            bias=True,
            causal=self.causal,
            dropout=self.dropout,
        )
        return heads.append(builder, x)

    def _append_feedforward(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        first = {"type": "linear", "in": self.d_model, "out": self.dim_feedforward}
        second = {"type": "linear", "in": self.dim_feedforward, "out": self.d_model}
        x = Linear.model_validate(first).append(builder, x, f"{name}.linear1")
        x = builder.add(self.activation, [x], shape=x.shape, name=f"{name}.activation")
        x = self._append_dropout(builder, x, f"{name}.dropout")
        return Linear.model_validate(second).append(builder, x, f"{name}.linear2")

    def _append_dropout(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        if not self.dropout:
            return x
        return builder.add("dropout", [x], shape=x.shape, name=name, attributes={"p": self.dropout})
