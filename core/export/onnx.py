"""A trained model as ONNX: the graph with its weights, behind what is done to its inputs."""

from collections.abc import Mapping

import numpy as np
from onnx import TensorProto, ValueInfoProto, helper

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.export.emitter import TENSOR_TYPES, Emitter
from lockstep.core.learning.inference import input_columns
from lockstep.core.losses import loss_of
from lockstep.core.model.build import build_graph
from lockstep.core.model.graph import Graph
from lockstep.core.model.ops import OPS
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import ResolvedSpec

OPSET = 21
IR_VERSION = 10
"""Old enough for the runtimes in use; the newest that the library knows would be refused by some of them."""


def to_onnx(spec: ResolvedSpec, weights: Mapping[str, np.ndarray], preprocessing: Preprocessing) -> bytes:
    """The model as ONNX bytes.

    Input `x` (rows, columns), as they are before standardizing; output `y` (rows, ...), the raw outputs, and
    beside it what the loss's reading gives, such as `probabilities` and `labels`. All of the job's dtype but
    `labels` (int64). The number of rows is free. Raises NotExportable.
    """
    graph = build_graph(spec.model, input_columns(spec))
    parameters = Parameters(graph, np.dtype(spec.dtype))
    parameters.load(weights)
    out = Emitter(parameters)
    out.data = _prepared(out, preprocessing)
    y = _graph(out, graph)
    reading = loss_of(spec.loss).reading
    outputs = {"y": y} | reading.emit(out, y)
    for name, value in outputs.items():
        out.nodes.append(helper.make_node("Identity", [value], [name], name=name))
    kind, shape = TENSOR_TYPES[parameters.dtype], graph.output_shape
    described = {name: _described(name, kind, shape) for name in outputs}
    if "labels" in outputs:
        labels = shape if reading.label_each else shape[:-1]
        described["labels"] = _described("labels", TensorProto.INT64, labels)
    model = helper.make_model(
        helper.make_graph(
            out.nodes,
            "model",
            [_described("x", kind, (graph.columns,))],
            list(described.values()),
            list(out.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="lockstep",
    )
    return bytes(model.SerializeToString())


def _described(name: str, kind: int, shape: tuple[int, ...]) -> ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, ["rows", *shape])


def _prepared(out: Emitter, preprocessing: Preprocessing) -> str:
    """The inputs as the model takes them; in float64 as far as training did so."""
    if preprocessing.mean is None or preprocessing.scale is None:
        return "x"
    x = out.cast("x", np.dtype(np.float64))
    shifted = out.emit("Sub", x, out.constant(preprocessing.mean, "preprocessing.mean"))
    return out.cast(
        out.emit("Div", shifted, out.constant(preprocessing.scale, "preprocessing.scale")), out.dtype
    )


def _graph(out: Emitter, graph: Graph) -> str:
    """All nodes of the graph; gives the value of its output, (rows, outputs) or more."""
    values: dict[int, str] = {}
    consumers = graph.consumers()
    for node in graph.nodes:
        if consumers[node.id] or node.id == graph.output:
            inputs = [values[source] for source in node.inputs]
            values[node.id] = OPS[node.op].onnx(out, node, inputs)
            out.shapes[values[node.id]] = node.shape
    y = values[graph.output]
    return y if graph.nodes[graph.output].shape else out.emit("Reshape", y, out.whole(-1, 1))
