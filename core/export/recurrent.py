"""Recurrent layers, as a Scan over the positions: onnxruntime's own ones know no float64."""

from collections.abc import Callable, Sequence
from types import MappingProxyType

import numpy as np
from onnx import helper, numpy_helper

from lockstep.core.export.emitter import TENSOR_TYPES, Emitter, Writer, Writers
from lockstep.core.model.graph import Node

Cell = Callable[[Emitter, Node, str, Sequence[str], str], list[str]]
"""(emitter, node, the input's part of the sums, states before, the state's part of the sums) -> states."""


def _recurrent(states: int, cell: Cell) -> Writer:
    """A layer whose cell has so many states, the first being the output; all begin with 0."""

    def write(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
        x, weight, recurrent, *biases = inputs
        given = out.emit("MatMul", x, weight)
        if biases:
            given = out.emit("Add", given, biases[0])
        body = out.inside()
        before = [f"{body.prefix}state:{place}" for place in range(states)]
        product = body.emit("MatMul", before[0], recurrent)
        if biases:
            product = body.emit("Add", product, biases[1])
        after = cell(body, node, f"{body.prefix}given", before, product)
        told = body.emit("Identity", after[0])
        hidden, sums = node.shape[1], out.shapes[weight][1]
        kind = TENSOR_TYPES[out.dtype]
        described = [helper.make_tensor_value_info(name, kind, ["rows", hidden]) for name in before]
        graph = helper.make_graph(
            body.nodes,
            f"{node.name}:step",
            [*described, helper.make_tensor_value_info(f"{body.prefix}given", kind, ["rows", sums])],
            [helper.make_tensor_value_info(name, kind, ["rows", hidden]) for name in (*after, told)],
            list(body.constants.values()),
        )
        by_time = _in_time(out, node, out.emit("Transpose", given, perm=[1, 0, 2]))
        zeros = [_zeros(out, x, hidden)] * states
        scanned = out.emit_several("Scan", [*zeros, by_time], states + 1, body=graph, num_scan_inputs=1)
        return out.emit("Transpose", _in_time(out, node, scanned[-1]), perm=[1, 0, 2], name=node.name)

    return write


def _in_time(out: Emitter, node: Node, value: str) -> str:
    """(length, rows, numbers) with the positions in the order of time, or back from it."""
    if not node.attributes["reverse"]:
        return value
    return out.emit("Gather", value, out.constant(np.arange(node.shape[0])[::-1]), axis=0)


def _zeros(out: Emitter, x: str, hidden: int) -> str:
    """(rows, hidden) zeros."""
    rows = out.emit("Shape", x, start=0, end=1)
    shape = out.emit("Concat", rows, out.whole(hidden), axis=0)
    return out.emit("ConstantOfShape", shape, value=numpy_helper.from_array(np.zeros(1, out.dtype)))


def _split(body: Emitter, value: str, parts: int) -> list[str]:
    return body.emit_several("Split", [value], parts, axis=-1, num_outputs=parts)


def _rnn(body: Emitter, node: Node, given: str, before: Sequence[str], product: str) -> list[str]:
    del before
    bend = "Tanh" if node.attributes["nonlinearity"] == "tanh" else "Relu"
    return [body.emit(bend, body.emit("Add", given, product))]


def _lstm(body: Emitter, node: Node, given: str, before: Sequence[str], product: str) -> list[str]:
    """c = f c' + i g, h = o tanh(c)."""
    del node
    i, f, g, o = _split(body, body.emit("Add", given, product), 4)
    kept = body.emit("Mul", body.emit("Sigmoid", f), before[1])
    cell = body.emit("Add", kept, body.emit("Mul", body.emit("Sigmoid", i), body.emit("Tanh", g)))
    return [body.emit("Mul", body.emit("Sigmoid", o), body.emit("Tanh", cell)), cell]


def _gru(body: Emitter, node: Node, given: str, before: Sequence[str], product: str) -> list[str]:
    """h = n + z (h' - n), n = tanh(its input + r its product)."""
    del node
    (given_r, given_z, given_n), (r, z, n) = _split(body, given, 3), _split(body, product, 3)
    r = body.emit("Sigmoid", body.emit("Add", given_r, r))
    z = body.emit("Sigmoid", body.emit("Add", given_z, z))
    n = body.emit("Tanh", body.emit("Add", given_n, body.emit("Mul", r, n)))
    return [body.emit("Add", n, body.emit("Mul", z, body.emit("Sub", before[0], n)))]


def _position(out: Emitter, node: Node, inputs: Sequence[str]) -> str:
    """One position of a sequence (rows, length, features)."""
    place = out.constant(np.array(node.attributes["index"], np.int64))
    return out.emit("Gather", inputs[0], place, axis=1, name=node.name)


WRITERS: Writers = MappingProxyType(
    {
        "rnn": _recurrent(1, _rnn),
        "lstm": _recurrent(2, _lstm),
        "gru": _recurrent(1, _gru),
        "position": _position,
    }
)
