"""The affine map."""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.core.ground.fields import Switch
from lockstep.core.ground.sizes import Width
from lockstep.core.model.graph import GraphBuilder, Node, Parameter
from lockstep.core.model.initializers import Uniform, linear_bound
from lockstep.core.model.layers.base import SingleLayer, require_width


class Linear(SingleLayer):
    """y = x Wᵀ + b over the last axis, as torch.nn.Linear; `weight` is (out, in), `bias` (out,)."""

    type: Literal["linear"]
    aliases = ("dense", "fully_connected", "fc")
    width_key = "out"
    inputs: Annotated[Width, Field(alias="in")]
    """how many numbers come in for each row"""
    outputs: Annotated[Width, Field(alias="out")]
    """how many numbers go out for each row"""
    bias: Switch = True
    """whether a learned number is added to each output"""

    def append(self, builder: GraphBuilder, x: Node, name: str) -> Node:
        """x (..., in) -> (..., out).

        Weights are stored (in, out): the forward product then needs no transposed copy for each shard.
        """
        shape = (*x.shape[:-1], self.outputs)
        require_width(x, -1, "in", self.inputs, shape)
        initializer = Uniform(bound=linear_bound(self.inputs))
        shapes = {"weight": (self.outputs, self.inputs)} | ({"bias": (self.outputs,)} if self.bias else {})
        parameters = [
            builder.parameter(
                Parameter(
                    name=f"{name}.{part}", shape=size, transposed=part == "weight", initializer=initializer
                )
            )
            for part, size in shapes.items()
        ]
        return builder.add("linear", [x, *parameters], shape=shape, name=name)
