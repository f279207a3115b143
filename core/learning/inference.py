"""Predictions of a trained model for rows that a user gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lockstep.core.data.dataset import Preprocessing
from lockstep.core.data.shapes import class_names_of, shape_of
from lockstep.core.data.tokens import require_tokens
from lockstep.core.engine.program import Options, Program
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.errors import InvalidData
from lockstep.core.losses import loss_of
from lockstep.core.losses.readings import NO_LABEL
from lockstep.core.model.build import build_graph
from lockstep.core.model.encoding import Json, to_json
from lockstep.core.model.expression_syntax import parse_expression
from lockstep.core.model.graph import Graph
from lockstep.core.model.ops import OPS
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import ExpressionModel, ResolvedSpec

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
        self._reading = loss_of(spec.loss).reading
        self._class_names = class_names_of(spec.data)
        self._preprocessing = preprocessing
        self._parameters = Parameters(build_graph(spec.model, self._columns), np.dtype(spec.dtype))
        self._parameters.load(weights)
        self._image = _unflattened(self._parameters.graph)

    def predict(self, x: Sequence[object]) -> dict[str, Json]:
        """The outputs for the rows `x`: lists of numbers, or for one column also bare numbers.

        A model that begins with an unflatten also takes nested lists of that shape.

        `y`: the raw outputs, bare numbers where there is one for a row. For a classifier also `probabilities`
        and `labels`, as the loss's reading has them, a label null where there is none; and `label_names`,
        what the data call these classes, where they have names. Raises InvalidData where the rows do not fit
        the model.
        """
        outputs = self.outputs(self._rows(x))
        with np.errstate(all="ignore"):
            read = self._reading.read(outputs)
        answer = {name: to_json(_flat(values)) for name, values in ({"y": outputs} | read).items()}
        if "labels" in read:
            labels = _flat(read["labels"]).tolist()
            answer["labels"] = _told(labels, None)
            if self._class_names:
                answer["label_names"] = _told(labels, self._class_names)
        return answer

    def outputs(self, x: np.ndarray) -> np.ndarray:
        """The outputs (rows, ..., outputs) for inputs (rows, columns) as they are before preprocessing."""
        prepared = self._preprocessing.apply(x)
        require_tokens(self._parameters.graph, prepared)
        program = Program(self._parameters.graph, CHUNK_ROWS, self._parameters, Options())
        result = aligned((len(x), *program.output.shape[1:]), self._parameters.dtype)
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
        if array.shape[1:] == self._image:
            array = array.reshape(len(array), self._columns)
        if array.ndim != 2 or array.shape[1] != self._columns:
            shape = " x ".join(str(length) for length in array.shape)
            raise InvalidData(f"expected {wanted}, got an array of {shape}: write a list of rows")
        if not np.isfinite(array).all():
            raise InvalidData(f"expected {wanted}, got NaN or infinity: leave such rows out")
        return array.astype(np.float64)


def _flat(values: np.ndarray) -> np.ndarray:
    """A bare number for each row where there is one."""
    return values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values


def _told(labels: Any, names: Sequence[str] | None) -> Json:
    """Class numbers, in lists or not, or what they are called; null for NO_LABEL."""
    if isinstance(labels, list):
        return [_told(label, names) for label in labels]
    if labels == NO_LABEL:
        return None
    number: int = labels
    if names is None:
        return number
    return names[number] if number < len(names) else None  # an output that no class of the data has


def _unflattened(graph: Graph) -> tuple[int, ...] | None:
    """The shape that the model first of all gives to the data's rows, if it does."""
    shapes = (
        node.shape
        for node in graph.nodes
        if len(node.shape) > 1 and OPS[node.op].view and OPS[graph.nodes[node.inputs[0]].op].kind == "data"
    )
    return next(shapes, None)


def input_columns(spec: ResolvedSpec) -> int:
    """How many numbers the model takes for each row."""
    if isinstance(spec.model, ExpressionModel):
        return len(parse_expression(spec.model.expression, spec.model.parameters).inputs)
    return shape_of(spec.data).columns
