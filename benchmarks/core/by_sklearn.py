"""scikit-learn: partial_fit of its perceptrons, one call a step."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.core.workloads import OptimizerName, Workload


class ScikitLearn:
    """An estimator whose weights are set before the first step."""

    chunk = 1

    def __init__(self, workload: Workload, optimizer: OptimizerName) -> None:
        self._workload = workload
        self._optimizer = optimizer
        self._x, self._y = workload.data()
        self._order = workload.order()
        if workload.is_regression:
            self._y = self._y[:, 0]

    def start(self, rate: float) -> None:
        """See Contestant."""
        self._done = 0
        settings: dict[str, Any] = {
            "hidden_layer_sizes": self._workload.widths[1:-1],
            "solver": self._optimizer,
            "batch_size": self._workload.rows,
            "alpha": 0,
            "momentum": 0,
            "nesterovs_momentum": False,
            "shuffle": False,
        }
        if self._workload.is_regression:
            # Its loss is half the mean of squares.
            factor = 2 if self._optimizer == "sgd" else 1
            self._model: Any = MLPRegressor(**settings, learning_rate_init=rate * factor)
            self._model.partial_fit(self._x, self._y)
        else:
            self._model = MLPClassifier(**settings, learning_rate_init=rate)
            self._model.partial_fit(self._x, self._y, classes=np.arange(self._workload.classes))
        self._forget_first_step()

    def _forget_first_step(self) -> None:
        """An estimator has arrays once it was fitted: put the workload's weights in, forget the moments."""
        values = list(self._workload.weights().values())
        for array, value in zip(self._model.coefs_, values[::2], strict=True):
            array[...] = np.reshape(value, array.shape[::-1]).T
        for array, value in zip(self._model.intercepts_, values[1::2], strict=True):
            array[...] = value
        optimizer = self._model._optimizer
        if self._optimizer == "adam":
            optimizer.t = 0
            for moment in (*optimizer.ms, *optimizer.vs):
                moment[...] = 0
            self._model.t_ = 0

    def steps(self, count: int) -> None:
        """See Contestant."""
        model, order, x, y = self._model, self._order, self._x, self._y
        for _ in range(count):
            if order is not None:
                rows = order[self._done % len(order)]
                x, y = self._x[rows], self._y[rows]
                self._done += 1
            model.partial_fit(x, y)

    def weights(self) -> Mapping[str, np.ndarray]:
        """See Contestant."""
        shapes = {name: value.shape for name, value in self._workload.weights().items()}
        arrays: list[np.ndarray] = []
        for coefs, intercepts in zip(self._model.coefs_, self._model.intercepts_, strict=True):
            arrays += [coefs.T, intercepts]
        return {
            name: np.reshape(array, shape)
            for (name, shape), array in zip(shapes.items(), arrays, strict=True)
        }


def make(workload: Workload, optimizer: OptimizerName, variant: str) -> ScikitLearn:  # noqa: ARG001 - as all
    """In the workload's kind of number."""
    return ScikitLearn(workload, optimizer)
