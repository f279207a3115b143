"""ONNX: checked, and run by the reference implementation that comes with the format."""

from dataclasses import replace
from typing import Any

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from lockstep.core.export.onnx import to_onnx
from lockstep.core.losses import LOSSES
from lockstep.core.model.build import build_graph
from lockstep.core.model.ops import OPS
from lockstep.core.model.ops.onnx_graph import NotExportable, not_in_onnx
from lockstep.core.model.ops.tanh import Tanh
from tests.core.export.models import Trained, case, trained
from tests.core.model.cases import CASES, graphs
from tests.gradcheck import loss

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}

IRIS: dict[str, Any] = {
    "model": {"layers": [{"type": "linear", "in": 4, "out": 3}]},
    "data": {"builtin": "iris", "standardize": True},
    "loss": "cross_entropy",
    "optimizer": {"type": "sgd"},
}
MOONS = IRIS | {
    "model": {"layers": [{"type": "linear", "in": 2, "out": 1}]},
    "data": {"generator": "moons"},
    "loss": "binary_cross_entropy",
}
FORMULA = IRIS | {
    "model": {
        "expression": "a*x + y**2 - 2**y / exp(y) + sin(x)*cos(y)*tan(x/9) - sigmoid(x)*relu(y) "
        "+ softplus(-x) + ln(sqrt(abs(x) + 1)) + tanh(x) + sigmoid(x)**(abs(y)/9) + y**0",
        "parameters": {"a": 4, "y1": 1},
    },
    "data": {"inline": {"x": [[1, 2], [2, 3]], "y": [6, 8]}},
    "loss": "mse",
}
FORMULA["model"]["expression"] += " * y1"


def run(model: Trained) -> dict[str, np.ndarray]:
    """Export, check, and run on the model's rows."""
    proto = onnx.load_from_string(to_onnx(model.spec, model.weights, model.preprocessing))
    onnx.checker.check_model(proto, full_check=True)
    names = [output.name for output in proto.graph.output]
    results = ReferenceEvaluator(proto).run(None, {"x": model.x})
    return dict(zip(names, results, strict=True))


def same_predictions(raw: dict[str, Any]) -> dict[str, np.ndarray]:
    model = trained(raw)
    got, expected = run(model), model.predictions()
    assert set(got) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(
            got[name].reshape(values.shape), values, rtol=0, atol=TOLERANCE[model.spec.dtype]
        )
    return got


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", CASES)
def test_layers(name: str, dtype: str) -> None:
    same_predictions(case(name, dtype))


def test_expressions() -> None:
    assert same_predictions(FORMULA)["y"].shape == (7, 1)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("raw", [IRIS, MOONS], ids=["classes", "two classes"])
def test_a_classifier_tells_probabilities_and_labels(raw: dict[str, Any], dtype: str) -> None:
    got = same_predictions(raw | {"dtype": dtype})

    assert set(got) == {"y", "probabilities", "labels"}
    assert got["labels"].dtype == np.int64


@pytest.mark.parametrize("op", [name for name, op in OPS.items() if op.kind == "op"])
def test_every_op_is_in_a_case(op: str) -> None:
    """The expression has those that no layer is made of."""
    formula = build_graph(trained(FORMULA).spec.model, 2)

    known = {node.op for graph in (*graphs().values(), formula) for node in graph.nodes}
    assert op in known, f'no case has the op "{op}": add one to tests/core/model/cases.py'


@pytest.mark.parametrize("name", LOSSES)
def test_what_it_tells_beside_the_outputs_is_what_a_prediction_tells(name: str) -> None:
    drawn = trained(IRIS | {"dtype": "float64"})
    model = replace(drawn, spec=drawn.spec.model_copy(update={"loss": loss(name)}))
    got, expected = run(model), model.predictions()

    assert "y" in got
    for output, values in got.items():
        np.testing.assert_allclose(values, expected[output], rtol=0, atol=TOLERANCE["float64"])


def test_equal_weights_give_equal_bytes() -> None:
    model = trained(IRIS)

    first, second = (to_onnx(model.spec, model.weights, model.preprocessing) for _ in range(2))

    assert first == second


def test_parameters_keep_their_names() -> None:
    model = trained(IRIS)
    proto = onnx.load_from_string(to_onnx(model.spec, model.weights, model.preprocessing))

    assert {"0.weight", "0.bias"} < {tensor.name for tensor in proto.graph.initializer}


def test_a_layer_without_counterpart_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tanh, "onnx", not_in_onnx)
    model = trained(case("tanh", "float64"))

    with pytest.raises(NotExportable, match=r'"tanh" \(layer "1"\)'):
        to_onnx(model.spec, model.weights, model.preprocessing)
