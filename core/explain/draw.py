"""The graph as JSON and in the DOT language of Graphviz."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from lockstep.core.explain.svg import shape_text, title_of
from lockstep.core.explain.view import DrawnKind, View, ViewNode

_FORMS: Mapping[DrawnKind, str] = MappingProxyType(
    {
        "data": 'shape="ellipse"',
        "target": 'shape="ellipse"',
        "parameter": 'shape="box"',
        "buffer": 'shape="box", style="dashed"',
        "constant": 'shape="box", style="dashed"',
        "op": 'shape="box", style="rounded"',
        "loss": 'shape="ellipse", peripheries="2"',
    }
)


def to_json(view: View) -> dict[str, Any]:
    """`nodes`, each {id, kind, op, name, shape, inputs}, in the order in which they are computed."""
    return {
        "object": "graph",
        "output": view.output,
        "loss": view.loss,
        "nodes": [
            {
                "id": node.id,
                "kind": node.kind,
                "op": node.op,
                "name": node.name,
                "shape": list(node.shape),
                "inputs": list(node.inputs),
            }
            for node in view.nodes
        ],
    }


def to_dot(view: View, notes: Mapping[int, Sequence[str]] | None = None) -> str:
    """For Graphviz; `notes` are further lines for some of the nodes."""
    lines = ["digraph model {", '  node [fontname="monospace", fontsize="11"];']
    for node in view.nodes:
        label = _label(node, (notes or {}).get(node.id, ()))
        lines.append(f"  n{node.id} [label={_quoted(label)}, {_FORMS[node.kind]}];")
    lines += [f"  n{source} -> n{node.id};" for node in view.nodes for source in node.inputs]
    return "\n".join([*lines, "}"]) + "\n"


def _label(node: ViewNode, notes: Sequence[str]) -> list[str]:
    title = title_of(node)
    lines = [title] if title == node.name or not node.name else [title, node.name]
    if node.shape:
        lines.append(f"[{shape_text(node.shape)}]")
    return [*lines, *notes]


def _quoted(lines: Sequence[str]) -> str:
    """A quoted string of DOT; its lines are parted by the escape that Graphviz knows."""
    escaped = (re.sub(r'(["\\])', r"\\\1", line) for line in lines)
    return '"' + r"\n".join(escaped) + '"'
