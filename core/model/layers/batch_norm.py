"""Each channel shifted and scaled by its mean and variance over the rows."""

import math
from abc import abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Eps, Real, Switch
from lockstep.core.ground.sizes import Width
from lockstep.core.model.graph import Buffer, GraphBuilder, Moments, Node, Parameter
from lockstep.core.model.initializers import Constant
from lockstep.core.model.layers.base import Misfit, SingleLayer, require_axes, require_width, source


class _BatchNorm(SingleLayer):
    takes_moments = True
    num_features: Width
    """how many features or channels come in"""
    eps: Eps = 1e-5
    """what is added to the variance"""
    momentum: Annotated[Real, Field(ge=0, le=1)] = 0.1
    """how far the running mean and variance go towards those of a batch"""
    affine: Switch = True
    """whether a learned weight and bias follow"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """The shape stays. Its buffers are running_mean, running_var and num_batches_tracked."""
        self.require_axes(x)
        require_width(x, 0, "num_features", self.num_features, x.shape)
        size = (self.num_features,)
        buffers = (
            Buffer(name=f"{name}.running_mean", shape=size, start=0.0),
            Buffer(name=f"{name}.running_var", shape=size, start=1.0),
        )
        inputs = [x, *(builder.buffer(buffer) for buffer in buffers)]
        builder.buffer(Buffer(name=f"{name}.num_batches_tracked", shape=(), start=0.0, counts=True))
        if self.affine:
            inputs += [
                builder.parameter(
                    Parameter(name=f"{name}.{part}", shape=size, initializer=Constant(value=value))
                )
                for part, value in (("weight", 1.0), ("bias", 0.0))
            ]
        moments = Moments(
            layer=name, channels=self.num_features, places=math.prod(x.shape[1:]), momentum=self.momentum
        )
        attributes = {"eps": self.eps, "momentum": self.momentum, "moments": builder.moments(moments)}
        return builder.add("batch_norm", inputs, shape=x.shape, name=name, attributes=attributes)

    @abstractmethod
    def require_axes(self, x: Node) -> None:
        """Raise Misfit where the input has others than the layer takes."""


class BatchNorm1d(_BatchNorm):
    """Each feature of (features,), or each channel of (channels, length), over the rows of a shard.

    As torch.nn.BatchNorm1d; the running mean and variance are those of the whole batch.
    """

    type: Literal["batch_norm_1d"]

    def require_axes(self, x: Node) -> None:
        """Features or signals."""
        if len(x.shape) > 2:
            message = f"expected features [features] or signals [channels, length], but {source(x)}; "
            raise Misfit("", "wrong_axes", message + "take batch_norm_2d for images", x.shape)


class BatchNorm2d(_BatchNorm):
    """Each channel of (channels, height, width) over the rows of a shard, as torch.nn.BatchNorm2d."""

    type: Literal["batch_norm_2d"]

    def require_axes(self, x: Node) -> None:
        """Images."""
        require_axes(x, 3, "images [channels, height, width]")
