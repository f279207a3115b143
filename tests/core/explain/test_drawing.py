"""The graph as JSON, DOT and SVG."""

import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest

from lockstep.core.explain.draw import to_dot, to_json
from lockstep.core.explain.layout import Box, lay_out
from lockstep.core.explain.svg import to_svg
from lockstep.core.explain.view import View, view_of_spec
from lockstep.core.model.ops import OPS
from tests.core.learning.training_jobs import DIGITS, LINE, resolved

SVG = "{http://www.w3.org/2000/svg}"


def view(raw: dict[str, Any]) -> View:
    return view_of_spec(resolved(raw))


def test_json_names_every_value_in_its_order() -> None:
    graph = to_json(view(DIGITS))

    assert [(node["kind"], node["name"], node["shape"]) for node in graph["nodes"]] == [
        ("data", "x", [64]),
        ("parameter", "0.weight", [16, 64]),
        ("parameter", "0.bias", [16]),
        ("op", "0", [16]),
        ("op", "1", [16]),
        ("parameter", "2.weight", [10, 16]),
        ("parameter", "2.bias", [10]),
        ("op", "2", [10]),
        ("target", "y", []),
        ("loss", "loss", []),
    ]
    assert graph["nodes"][graph["loss"]]["inputs"] == [graph["output"], 8]


def test_a_loss_of_squares_shows_its_error() -> None:
    nodes = view(LINE).nodes
    assert [(node.op, node.name) for node in nodes[-3:]] == [
        ("target", "y"),
        ("subtract", "r = ŷ - y"),
        ("mse", "loss"),
    ]


def test_dot_has_each_node_and_edge() -> None:
    dot = to_dot(view(LINE), {0: ('a "quoted" \\ note',)})

    assert dot.startswith("digraph model {")
    assert dot.count(" -> ") == sum(len(node.inputs) for node in view(LINE).nodes)
    assert r"a \"quoted\" \\ note" in dot


def test_svg_is_well_formed_and_escapes_text() -> None:
    drawing = ET.fromstring(to_svg(view(DIGITS), {3: ("<script>&",)}))  # noqa: S314  (our own text)

    texts = ["".join(text.itertext()) for text in drawing.iter(f"{SVG}text")]
    assert {"0.weight", "[16 × 64]", "tanh", "cross_entropy", "<script>&"} <= set(texts)
    assert len(list(drawing.iter(f"{SVG}g"))) == 2 + len(view(DIGITS).nodes)
    assert not list(drawing.iter(f"{SVG}style"))


def test_boxes_keep_clear_of_each_other_and_inputs_lie_above() -> None:
    # A ladder with long edges: box n reads n - 1 and n - 4.
    boxes = [
        Box(inputs=tuple(n - back for back in (1, 4) if n >= back and n % 5), width=40 + n, height=30)
        for n in range(40)
    ]
    layout = lay_out(boxes)

    for number, box in enumerate(boxes):
        assert all(boxes[source].y + boxes[source].height < box.y for source in box.inputs)
        for other in boxes[:number]:
            beside = abs(other.x - box.x) >= (other.width + box.width) / 2
            assert beside or abs(other.y - box.y) >= 30
        assert box.x - box.width / 2 >= 0
        assert box.x + box.width / 2 <= layout.width


@pytest.mark.parametrize("op", OPS)
def test_formulas_take_names(op: str) -> None:
    formula = OPS[op].formula
    inputs = [f"in{number}" for number in range(len(formula.slopes))]

    texts = [formula.value_of("out", inputs)]
    texts += [formula.slope_of(index, "out", inputs) for index in range(len(inputs))]
    assert not re.search(r"[{}]", "".join(texts))
