"""Models with drawn weights, as a job would leave them."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.data.tokens import vocabulary
from lockstep.core.learning.inference import Predictor, input_columns
from lockstep.core.model.build import assemble, build_graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import LayersModel, ResolvedSpec
from lockstep.core.submission import parse_spec, resolve
from tests.core.model.cases import CASES, columns_of
from tests.specs import changed

ROWS = 7
SPEC: dict[str, Any] = {
    "model": {"layers": []},
    "data": {"inline": {"x": [], "y": []}},
    "loss": "mse",
    "optimizer": {"type": "sgd"},
}


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A spec, weights that fit it, the preprocessing, and rows to ask it about."""

    spec: ResolvedSpec
    weights: dict[str, np.ndarray]
    preprocessing: Preprocessing
    x: np.ndarray

    def predictions(self) -> dict[str, np.ndarray]:
        """What `core.learning.inference` answers for `x`, in numbers."""
        predictor = Predictor(self.spec, self.weights, self.preprocessing)
        x = self.x[:, 0] if self.x.shape[1] == 1 else self.x
        answer = predictor.predict(x.tolist()).items()
        return {name: np.array(values) for name, values in answer if name != "label_names"}


def trained(raw: dict[str, Any]) -> Trained:
    """Draw weights; buffers too get values that differ from their start."""
    spec = resolve(parse_spec(raw), lambda: 3)
    columns = input_columns(spec)
    parameters = Parameters(build_graph(spec.model, columns), np.dtype(spec.dtype))
    parameters.initialize(5)
    random = np.random.default_rng(1)
    for buffer in parameters.buffers.values():
        buffer[...] = random.uniform(1, 4, buffer.shape)
    x = random.normal(1.0, 3.0, (ROWS, columns))
    if vocabulary(parameters.graph) is not None:
        x = random.integers(0, 5, (ROWS, columns)).astype(np.float64)
    preprocessing = Preprocessing.fitted_to(x) if spec.data.standardize else Preprocessing()
    return Trained(
        spec=spec, weights=parameters.export(), preprocessing=preprocessing, x=x.astype(spec.dtype)
    )


def case(name: str, dtype: str) -> dict[str, Any]:
    """A spec of one of the CASES."""
    layers, columns = CASES[name], columns_of(CASES[name])
    raw = changed(SPEC, model={"layers": layers}, dtype=dtype)
    graph, _ = assemble(LayersModel.model_validate(raw["model"]), columns)
    assert graph is not None
    numbers = [[0] * count for count in (columns, math.prod(graph.output_shape))]
    return changed(raw, data={"inline": {"x": numbers[:1] * 2, "y": numbers[1:] * 2}})
