"""Layers for sequences (length, features); the rows come first, as PyTorch's batch_first."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Fraction, SpecModel, Switch, Whole
from lockstep.core.model.spec.dense import Width
from lockstep.core.model.spec.normalization import Eps

MAX_STACKED = 16


class Embedding(SpecModel):
    """A learned row of `weight` (num_embeddings, embedding_dim) for each number, as torch.nn.Embedding."""

    type: Literal["embedding"]
    num_embeddings: Width
    """how many different whole numbers there are, from 0"""
    embedding_dim: Width
    """how many numbers stand for each"""
    padding_idx: Annotated[int, Whole(ge=0)] | None = None
    """the whole number whose row starts as zeros and is never changed"""


class _Recurrent(SpecModel):
    inputs: Annotated[Width, Field(alias="in")]
    """how many features come in"""
    hidden: Width
    """how many features the state has"""
    num_layers: Annotated[int, Whole(ge=1, le=MAX_STACKED)] = 1
    """how many are stacked, each on the states of the one below"""
    bias: Switch = True
    """whether learned numbers are added"""
    bidirectional: Switch = False
    """whether a second one runs from the end to the start; its states are put beside the first's"""
    output: Literal["sequence", "last"] = "sequence"
    """ "sequence": the states of all positions (length, hidden); "last": the final state (hidden,) of each
    direction, side by side"""


class Rnn(_Recurrent):
    """h = nonlinearity(W_ih x + b_ih + W_hh h + b_hh), as torch.nn.RNN from zeros; `weight_ih_l0`, ..."""

    type: Literal["rnn"]
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    """what the state is passed through"""


class Lstm(_Recurrent):
    """Long short-term memory, as torch.nn.LSTM from zeros; gates in the order i, f, g, o."""

    type: Literal["lstm"]


class Gru(_Recurrent):
    """Gated recurrent unit, as torch.nn.GRU from zeros; gates in the order r, z, n."""

    type: Literal["gru"]


class MultiheadAttention(SpecModel):
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


class TransformerEncoderLayer(SpecModel):
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
