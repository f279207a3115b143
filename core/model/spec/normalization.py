"""Layers that shift and scale by a mean and a variance."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Real, SpecModel, Switch
from lockstep.core.model.spec.dense import Shape, Width

Eps = Annotated[Real, Field(gt=0, le=1)]


class _BatchNorm(SpecModel):
    num_features: Width
    """how many features or channels come in"""
    eps: Eps = 1e-5
    """what is added to the variance"""
    momentum: Annotated[Real, Field(ge=0, le=1)] = 0.1
    """how far the running mean and variance go towards those of a batch"""
    affine: Switch = True
    """whether a learned weight and bias follow"""


class BatchNorm1d(_BatchNorm):
    """Each feature of (features,), or each channel of (channels, length), over the rows of a shard.

    As torch.nn.BatchNorm1d; the running mean and variance are those of the whole batch.
    """

    type: Literal["batch_norm_1d"]


class BatchNorm2d(_BatchNorm):
    """Each channel of (channels, height, width) over the rows of a shard, as torch.nn.BatchNorm2d."""

    type: Literal["batch_norm_2d"]


class LayerNorm(SpecModel):
    """Each sample over its last axes, as torch.nn.LayerNorm; `weight` and `bias` have normalized_shape."""

    type: Literal["layer_norm"]
    normalized_shape: Shape
    """the lengths of the last axes, over which mean and variance are taken"""
    eps: Eps = 1e-5
    """what is added to the variance"""
    elementwise_affine: Switch = True
    """whether a learned weight and bias follow"""
    bias: Switch = True
    """whether there is a bias beside the weight"""
