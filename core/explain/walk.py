"""One backward pass to follow by hand: all values in order, then every step back by the chain rule.

loss = Σ r² = 4                        ∂loss/∂r = 2 r = -4
r = ŷ - y = -2                         ∂loss/∂ŷ = ∂loss/∂r × ∂r/∂ŷ = -4 × 1 = -4
w * x = 2                              ∂loss/∂w = ∂loss/∂ŷ × ∂ŷ/∂w = -4 × 2 = -8
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lockstep.core.explain.sample import Pass, Path
from lockstep.core.explain.view import ERROR, PREDICTION, ViewNode
from lockstep.core.losses import LOSSES
from lockstep.core.model.encoding import spell, to_json
from lockstep.core.model.notation import Notation
from lockstep.core.model.ops import OPS

MAX_NUMBERS = 64
"""A larger array is shown as its shape, its norm and its range."""
MAX_SHOWN = 3
"""In a drawing, a larger array is shown as its norm."""


def walk(result: Pass) -> dict[str, Any]:
    """As JSON: `forward` and `backward` are lists of steps, `gradients` the parameters' by name."""
    names = _Names(result)
    view = result.view
    end = view.output if view.loss is None else view.loss
    return {
        "object": "walk",
        "loss": spell(float(result.values[end])) if not result.values[end].shape else None,
        "forward": [_forward_step(node, result, names) for node in view.nodes],
        "backward": [_backward_step(node, result, names) for node in result.paths],
        "gradients": {
            node.name: numbers(result.gradients[node.id])
            for node in view.nodes
            if node.kind == "parameter" and node.id in result.gradients
        },
    }


def numbers(array: np.ndarray) -> Any:
    """A number, nested lists of at most MAX_NUMBERS, or {shape, norm, min, max}."""
    if array.size <= MAX_NUMBERS:
        return to_json(array)
    with np.errstate(all="ignore"):
        norm = float(np.linalg.norm(array.astype(np.float64, copy=False).reshape(-1)))
    return {
        "shape": list(array.shape),
        "norm": spell(norm),
        "min": spell(float(array.min())),
        "max": spell(float(array.max())),
    }


def annotated(graph: Mapping[str, Any], walked: Mapping[str, Any]) -> dict[str, Any]:
    """The JSON of a graph with value and gradient of each node, as a walk through it has told them."""
    values = {step["node"]: step["value"] for step in walked["forward"]}
    gradients = {step["node"]: step["gradient"] for step in walked["backward"]}
    learned = walked["gradients"]
    nodes = [
        node
        | {
            "value": values[node["id"]],
            "gradient": gradients.get(node["id"], learned.get(node["name"])),
        }
        for node in graph["nodes"]
    ]
    return {**graph, "step": walked["step"], "sample": walked["sample"], "nodes": nodes}


def notes(graph: Mapping[str, Any]) -> dict[int, tuple[str, ...]]:
    """Value and gradient of each node of an annotated graph, as lines for its box."""
    return {node["id"]: tuple(_notes_of(node)) for node in graph["nodes"]}


def _notes_of(node: Mapping[str, Any]) -> Iterator[str]:
    for sign, key in (("", "value"), ("∂ ", "gradient")):
        if node[key] is not None:
            yield sign + _short(node[key])


def _short(value: Any) -> str:
    """A few numbers as they are, more by their norm."""
    if isinstance(value, dict):
        return f"norm {_digits(value['norm'])}"
    array = np.array(value, dtype=np.float64)
    if array.size > MAX_SHOWN:
        return f"norm {_digits(float(np.linalg.norm(array.reshape(-1))))}"
    return " ".join(_digits(each) for each in array.reshape(-1).tolist())


def _digits(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


class _Names:
    """What the steps call a node: a formula's text, "linear 0" for a layer's op, r and ŷ around the loss."""

    def __init__(self, result: Pass) -> None:
        view = result.view
        self._names = {node.id: _name_of(node) for node in view.nodes}
        if view.loss is not None:
            self._names[view.output] = PREDICTION
            self._names[view.loss] = "loss"
        if view.error is not None:
            self._names[view.error] = ERROR
        self.end = "loss" if view.loss is not None else self._names[view.output]

    def of(self, node: int) -> str:
        return self._names[node]

    def partial(self, upper: str, lower: str) -> str:
        """∂upper/∂lower, in brackets where a name is a formula."""
        return f"∂{_bracketed(upper)}/∂{_bracketed(lower)}"


def _name_of(node: ViewNode) -> str:
    is_layer = node.kind == "op" and (not node.name or re.fullmatch(r"[0-9]+(\.\w+)*", node.name))
    return f"{node.op} {node.name}".strip() if is_layer else node.name


def _bracketed(name: str) -> str:
    return name if re.fullmatch(r"[\w.ŷ]+(\[.*\])?", name) else f"({name})"


def _formula(node: ViewNode) -> Notation:
    return LOSSES[node.op].formula if node.kind == "loss" else OPS[node.op].formula


def _value_formula(node: ViewNode, names: _Names) -> str:
    inputs = [_bracketed(names.of(source)) for source in node.inputs]
    return _formula(node).value_of(_bracketed(names.of(node.id)), inputs)


def _forward_step(node: ViewNode, result: Pass, names: _Names) -> dict[str, Any]:
    return {
        "node": node.id,
        "kind": node.kind,
        "op": node.op,
        "name": names.of(node.id),
        "formula": _value_formula(node, names) if node.inputs else None,
        "inputs": [
            {"node": source, "name": names.of(source), "value": numbers(result.values[source])}
            for source in node.inputs
        ],
        "value": numbers(result.values[node.id]),
    }


def _backward_step(number: int, result: Pass, names: _Names) -> dict[str, Any]:
    node = next(node for node in result.view.nodes if node.id == number)
    return {
        "node": node.id,
        "op": node.op,
        "name": names.of(node.id),
        "value": numbers(result.values[node.id]),
        "gradient": numbers(result.gradients[node.id]),
        "inputs": [_path(node, path, result, names) for path in result.paths[node.id]],
    }


def _path(node: ViewNode, path: Path, result: Pass, names: _Names) -> dict[str, Any]:
    inputs = [_bracketed(names.of(source)) for source in node.inputs]
    return {
        "node": path.source,
        "name": names.of(path.source),
        "value": numbers(result.values[path.source]),
        "derivative": {
            "formula": _formula(node).slope_of(path.index, _bracketed(names.of(node.id)), inputs),
            "value": None if path.derivative is None else numbers(path.derivative),
        },
        "gradient": numbers(path.gradient),
        "rule": _rule(node, path, result, names),
    }


def _rule(node: ViewNode, path: Path, result: Pass, names: _Names) -> str:
    """The chain rule for one path, with the numbers where they are single ones."""
    of_input = names.partial(names.end, names.of(path.source))
    if names.of(node.id) == names.end:
        text = of_input
        return text if path.gradient.shape else f"{text} = {_number(path.gradient)}"
    text = (
        f"{of_input} = {names.partial(names.end, names.of(node.id))}"
        f" × {names.partial(names.of(node.id), names.of(path.source))}"
    )
    if path.derivative is None or path.derivative.shape or path.gradient.shape:
        return text
    incoming = result.gradients[node.id]
    return f"{text} = {_number(incoming)} × {_number(path.derivative)} = {_number(path.gradient)}"


def _number(value: np.ndarray) -> str:
    return f"{float(value):.6g}"
