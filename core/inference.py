"""Predictions of a trained model for rows that a user gives."""

from collections.abc import Mapping, Sequence

import numpy as np

from core.buffers import aligned
from core.data.dataset import Preprocessing
from core.encoding import Json, to_json
from core.errors import InvalidData
from core.expression_syntax import parse_expression
from core.layers import build_graph
from core.parameters import Parameters
from core.program import Options, Program
from core.spec import ExpressionModel, Linear, ResolvedSpec, walk_layers

CHUNK_ROWS = 32
"""Rows computed at a time. The last chunk is filled with zeros: a row's bits depend on its place alone."""


class Predictor:
    """A model with its weights (state_dict layout) and what is done to its inputs first.

    Raises InvalidData where the weights are not this model's.
    """

    def __init__(
        self, spec: ResolvedSpec, weights: Mapping[str, np.ndarray], preprocessing: Preprocessing
    ) -> None:
        self._columns = input_columns(spec)
        self._loss = spec.loss.type
        self._preprocessing = preprocessing
        self._parameters = Parameters(build_graph(spec, self._columns), np.dtype(spec.dtype))
        self._parameters.load(weights)

    def predict(self, x: Sequence[object]) -> dict[str, Json]:
        """The outputs for the rows `x`: lists of numbers, or for one column also bare numbers.

        `y`: the raw outputs, bare numbers where there is one for a row. For cross_entropy also
        `probabilities` (softmax) and `labels` (class numbers); for binary_cross_entropy `probabilities`
        (sigmoid) and `labels` (1 where the probability is at least 0.5). Raises InvalidData where the rows do
        not fit the model.
        """
        outputs = self.outputs(self._rows(x))
        answer = {"y": outputs}
        with np.errstate(all="ignore"):
            if self._loss == "cross_entropy":
                shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
                answer["probabilities"] = shares / shares.sum(axis=1, keepdims=True)
                answer["labels"] = outputs.argmax(axis=1)[:, np.newaxis]
            elif self._loss == "binary_cross_entropy":
                answer["probabilities"] = 1.0 / (1.0 + np.exp(-outputs))
                answer["labels"] = (outputs >= 0).astype(np.int64)
        return {
            name: to_json(values[:, 0] if values.shape[1] == 1 else values) for name, values in answer.items()
        }

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """The model's outputs (rows, outputs) for inputs (rows, columns) as they are before preprocessing."""
        prepared = self._preprocessing.apply(x)
        program = Program(self._parameters.graph, CHUNK_ROWS, self._parameters, Options())
        result = aligned((len(x), program.output.shape[1]), self._parameters.dtype)
        with np.errstate(all="ignore"):
            for low in range(0, len(x), CHUNK_ROWS):
                chunk = prepared[low : low + CHUNK_ROWS]
                program.x[: len(chunk)] = chunk
                program.x[len(chunk) :] = 0.0
                for call in program.forward:
                    call()
                result[low : low + len(chunk)] = program.output[: len(chunk)]
        return result

    def _rows(self, x: Sequence[object]) -> np.ndarray:
        """`x` as float64 (rows, columns)."""
        wanted = "numbers" if self._columns == 1 else f"rows of {self._columns} numbers"
        try:
            array = np.array(x)
        except ValueError:
            raise InvalidData(f"expected {wanted}, got rows of different lengths: make them equal") from None
        if array.dtype.kind not in "iuf" or not array.size:
            came = "an empty list" if not array.size else "something that is not a number"
            raise InvalidData(f"expected {wanted}, got {came}: give finite numbers without quotes")
        if array.ndim == 1 and self._columns == 1:
            array = array[:, np.newaxis]
        if array.ndim != 2 or array.shape[1] != self._columns:
            shape = " x ".join(str(length) for length in array.shape)
            raise InvalidData(f"expected {wanted}, got an array of {shape}: write a list of rows")
        if not np.isfinite(array).all():
            raise InvalidData(f"expected {wanted}, got NaN or infinity: leave such rows out")
        return array.astype(np.float64)


def input_columns(spec: ResolvedSpec) -> int:
    """How many numbers the model takes for each row."""
    if isinstance(spec.model, ExpressionModel):
        return len(parse_expression(spec.model.expression, spec.model.parameters).inputs)
    widths = [layer.inputs for _, _, layer in walk_layers(spec.model) if isinstance(layer, Linear)]
    if not widths:
        raise InvalidData("expected a model that learns something, got no parameters: add a linear layer")
    return widths[0]
