"""Layers made of layers: what is applied one after another, beside one another, and around."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.fields import SpecModel
from lockstep.core.model.graph import GraphBuilder, Node
from lockstep.core.model.layers import activations, attention, convolution, dense, normalization, sequence
from lockstep.core.model.layers.base import Builder, Misfit, shown
from lockstep.core.model.spec import Concat, Layer, LayerGroup, Residual, SequentialLayers

_FAMILIES = (dense, activations, normalization, sequence, attention, convolution)
BUILDERS: Mapping[type[SpecModel], Builder] = {
    kind: builder for family in _FAMILIES for kind, builder in family.BUILDERS.items()
}


@dataclass(frozen=True, kw_only=True)
class Assembly:
    """A graph in the making, and what did not fit so far."""

    builder: GraphBuilder
    problems: list[Problem] = field(default_factory=list)

    def append_all(self, x: Node, layers: Sequence[Layer], pointer: str, prefix: str) -> Node:
        """Apply layers one after another. `pointer` leads to their list, `prefix` begins their names."""
        for index, layer in enumerate(layers):
            x = self._append(x, layer, f"{pointer}/{index}", f"{prefix}{index}")
        return x

    def _append(self, x: Node, layer: Layer, pointer: str, name: str) -> Node:
        if isinstance(layer, LayerGroup):
            return self.append_all(x, layer.root, pointer, f"{name}.")
        if isinstance(layer, SequentialLayers):
            return self.append_all(x, layer.layers, f"{pointer}/layers", f"{name}.")
        if isinstance(layer, Residual):
            return self._append_residual(x, layer, pointer, name)
        if isinstance(layer, Concat):
            return self._append_concat(x, layer, pointer, name)
        try:
            return BUILDERS[type(layer)](self.builder, x, name, layer)
        except Misfit as misfit:
            return self._note(misfit, x, pointer, name)

    def _append_residual(self, x: Node, layer: Residual, pointer: str, name: str) -> Node:
        y = self.append_all(x, layer.layers, f"{pointer}/layers", f"{name}.")
        if y.shape != x.shape:
            message = f"expected layers that give {shown(x.shape)}, the shape that they take, "
            message += f"got {shown(y.shape)}; let the last of them give it"
            return self._note(Misfit("layers", "shape_mismatch", message, x.shape), x, pointer, name)
        return self.builder.add("add", [x, y], shape=x.shape, name=name)

    def _append_concat(self, x: Node, layer: Concat, pointer: str, name: str) -> Node:
        parts = [
            self.append_all(x, branch, f"{pointer}/branches/{number}", f"{name}.{number}.")
            for number, branch in enumerate(layer.branches)
        ]
        axis = layer.dim - 1
        shapes = {(*part.shape[:axis], 0, *part.shape[axis + 1 :]) for part in parts}
        if len(shapes) != 1 or axis >= len(parts[0].shape):
            came = ", ".join(shown(part.shape) for part in parts)
            message = f"expected branches whose shapes differ along axis {layer.dim} alone, got {came}; "
            message += "let them give equal lengths along the others"
            return self._note(Misfit("branches", "shape_mismatch", message), x, pointer, name)
        length = sum(part.shape[axis] for part in parts)
        shape = (*parts[0].shape[:axis], length, *parts[0].shape[axis + 1 :])
        return self.builder.add("concat", parts, shape=shape, name=name, attributes={"axis": axis})

    def _note(self, misfit: Misfit, x: Node, pointer: str, name: str) -> Node:
        """Keep the problem; go on as if the layer fitted, where it is known what it then gives."""
        at = f"{pointer}/{misfit.key}" if misfit.key else pointer
        self.problems.append(Problem(pointer=at, code=misfit.code, message=misfit.message))
        if misfit.shape is None:
            raise Unclear from misfit
        return self.builder.add("identity", [x], shape=misfit.shape, name=name)


class Unclear(Exception):
    """What a layer gives can't be told, so those after it can't be looked at."""
