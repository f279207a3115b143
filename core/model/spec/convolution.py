"""Convolution and pooling over signals (channels, length) and images (channels, height, width).

Sizes along the axes are one number for all axes, or one for each.
"""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import SpecModel, Switch, Whole
from lockstep.core.ground.sizes import Pair, Single, ZeroPair, ZeroSingle
from lockstep.core.model.spec.dense import Width


class _Convolution(SpecModel):
    inputs: Annotated[Width, Field(alias="in")]
    """how many channels come in"""
    outputs: Annotated[Width, Field(alias="out")]
    """how many channels go out"""
    groups: Annotated[int, Whole(ge=1)] = 1
    """into how many groups the channels are parted; both in and out are multiples of it"""
    bias: Switch = True
    """whether a learned number is added to each channel"""


class Conv1d(_Convolution):
    """Cross-correlation along the length, as torch.nn.Conv1d; `weight` is (out, in / groups, kernel)."""

    type: Literal["conv1d"]
    kernel_size: Single
    """the length of the kernel"""
    stride: Single = 1
    """how far apart the places are where the kernel is laid"""
    padding: ZeroSingle = 0
    """how many zeros are added at both ends"""
    dilation: Single = 1
    """how far apart the kernel's numbers lie"""


class Conv2d(_Convolution):
    """Cross-correlation over height and width, as torch.nn.Conv2d; `weight` is (out, in / groups, kh, kw)."""

    type: Literal["conv2d"]
    kernel_size: Pair
    """height and width of the kernel"""
    stride: Pair = (1, 1)
    """how far apart the places are where the kernel is laid"""
    padding: ZeroPair = (0, 0)
    """how many zeros are added at each side"""
    dilation: Pair = (1, 1)
    """how far apart the kernel's numbers lie"""


class _Pool1d(SpecModel):
    kernel_size: Single
    """the window's length"""
    stride: Single | None = None
    """how far apart the windows begin; kernel_size if not given"""
    padding: ZeroSingle = 0
    """by how much the windows reach over both ends; at most half of kernel_size"""


class _Pool2d(SpecModel):
    kernel_size: Pair
    """the window's height and width"""
    stride: Pair | None = None
    """how far apart the windows begin; kernel_size if not given"""
    padding: ZeroPair = (0, 0)
    """by how much the windows reach over each side; at most half of kernel_size"""


class MaxPool1d(_Pool1d):
    """The largest of each window, as torch.nn.MaxPool1d."""

    type: Literal["max_pool1d"]


class MaxPool2d(_Pool2d):
    """The largest of each window, as torch.nn.MaxPool2d."""

    type: Literal["max_pool2d"]


class AvgPool1d(_Pool1d):
    """The mean of each window, zeros of the padding included, as torch.nn.AvgPool1d."""

    type: Literal["avg_pool1d"]


class AvgPool2d(_Pool2d):
    """The mean of each window, zeros of the padding included, as torch.nn.AvgPool2d."""

    type: Literal["avg_pool2d"]


class AdaptiveAvgPool1d(SpecModel):
    """Means over output_size parts of the length, as torch.nn.AdaptiveAvgPool1d."""

    type: Literal["adaptive_avg_pool1d"]
    output_size: Single
    """how many numbers are left of the length"""


class AdaptiveAvgPool2d(SpecModel):
    """Means over parts of the image, as torch.nn.AdaptiveAvgPool2d."""

    type: Literal["adaptive_avg_pool2d"]
    output_size: Pair
    """height and width that are left"""
