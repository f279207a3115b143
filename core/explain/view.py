"""A job's whole calculation as a reader sees it: the model's graph, the targets, and the loss behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lockstep.core.data.shapes import shape_of
from lockstep.core.losses import LossSpec, loss_of
from lockstep.core.model.build import build_graph
from lockstep.core.model.expression import formula_graph
from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS
from lockstep.core.model.ops.op import NodeKind
from lockstep.core.spec import AnyResolvedSpec, MinimizeSpec, SolveSpec

DrawnKind = NodeKind | Literal["target", "loss"]

PREDICTION = "ŷ"
TARGET = "y"
ERROR = "r"


@dataclass(frozen=True, kw_only=True)
class ViewNode:
    """One value. `id` is the node's of the graph; the loss's own come after those.

    `shape` is that for one sample; a parameter's is that of the state_dict.
    """

    id: int
    kind: DrawnKind
    op: str
    name: str
    shape: tuple[int, ...]
    inputs: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class View:
    """The nodes in the order in which they are computed. `output` is the model's, `loss` the last, if any.

    `error` is the node output - target where the loss has such a step.
    """

    nodes: tuple[ViewNode, ...]
    output: int
    target: int | None = None
    error: int | None = None
    loss: int | None = None


def view_of(graph: Graph, loss: LossSpec | None) -> View:
    """The view of a model and the loss that it is trained by; without one, the model's output is the end."""
    shapes = {parameter.name: parameter.shape for parameter in graph.parameters}
    nodes = [_view_node(node, shapes) for node in graph.nodes]
    if loss is None:
        return View(nodes=tuple(nodes), output=graph.output)
    kind, target, output = loss_of(loss), len(nodes), nodes[graph.output]
    shape = output.shape[:-1] if kind.targets.are_classes else output.shape
    nodes.append(ViewNode(id=target, kind="target", op="target", name=TARGET, shape=shape, inputs=()))
    end: tuple[int, ...] = (output.id, target)
    error = None
    if kind.squares is not None:  # then their error is a step of its own
        error = target + 1
        name = f"{ERROR} = {PREDICTION} - {TARGET}"
        nodes.append(ViewNode(id=error, kind="op", op="subtract", name=name, shape=output.shape, inputs=end))
        end = (error,)
    last = len(nodes)
    nodes.append(ViewNode(id=last, kind="loss", op=loss.type, name="loss", shape=(), inputs=end))
    return View(nodes=tuple(nodes), output=output.id, target=target, error=error, loss=last)


def view_of_spec(spec: AnyResolvedSpec) -> View:
    """The view of what a job trains, makes small or solves. Raises InvalidData where that can't be built."""
    if isinstance(spec, MinimizeSpec | SolveSpec):
        return view_of(formula_graph(spec.formula, spec.start, spec.unknowns), None)
    return view_of(build_graph(spec.model, shape_of(spec.data).columns), spec.loss)


def _view_node(node: Node, parameters: Mapping[str, tuple[int, ...]]) -> ViewNode:
    shape = parameters[node.name] if node.is_parameter else node.shape
    kind = OPS[node.op].kind
    return ViewNode(id=node.id, kind=kind, op=node.op, name=node.name, shape=shape, inputs=node.inputs)
