"""Each sample shifted and scaled by its own mean and variance."""

from typing import Literal

from lockstep.core.ground.fields import Eps, Switch
from lockstep.core.ground.sizes import Shape
from lockstep.core.model.graph import GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Constant
from lockstep.core.model.layers.base import Misfit, SingleLayer, shown, source


class LayerNorm(SingleLayer):
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

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """x (..., normalized_shape) -> the same shape."""
        axes = len(self.normalized_shape)
        if x.shape[-axes:] != self.normalized_shape:
            wanted, came = shown(x.shape[-axes:]), shown(self.normalized_shape)
            message = f"expected the lengths of the last axes, because {source(x)}, got {came}; take {wanted}"
            raise Misfit("normalized_shape", "shape_mismatch", message, x.shape)
        starts = {"weight": 1.0} | ({"bias": 0.0} if self.bias else {})
        parameters = [
            builder.parameter(
                Parameter(
                    name=f"{name}.{part}", shape=self.normalized_shape, initializer=Constant(value=value)
                )
            )
            for part, value in starts.items()
            if self.elementwise_affine
        ]
        attributes = {"axes": axes, "eps": self.eps}
        return builder.add("layer_norm", [x, *parameters], shape=x.shape, name=name, attributes=attributes)
