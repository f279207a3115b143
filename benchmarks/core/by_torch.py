"""PyTorch as its users write it: eager, with fused optimizers, and with torch.compile on top."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.core.workloads import OptimizerName, Workload

OPTIMIZER_CLASSES: Mapping[OptimizerName, Any] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}


class Torch:
    """A module, and the loop around it."""

    chunk = 1

    def __init__(self, workload: Workload, optimizer: OptimizerName, variant: str) -> None:
        x, y = workload.data()
        self._x, self._y = torch.from_numpy(x), torch.from_numpy(y)
        order = workload.order()
        self._order = None if order is None else list(torch.from_numpy(order))
        self._workload = workload
        self._module = module(workload)
        self._names = list(workload.weights())
        loss = functional.mse_loss if workload.is_regression else functional.cross_entropy
        forward: Callable[..., torch.Tensor] = lambda x, y: loss(self._module(x), y)  # noqa: E731
        self._forward: Callable[..., torch.Tensor] = (
            torch.compile(forward) if variant == "torch-compile" else forward
        )
        self._class = OPTIMIZER_CLASSES[optimizer]
        self._options = {} if variant == "torch" else {"fused": True}

    def start(self, rate: float) -> None:
        """See Contestant."""
        with torch.no_grad():
            for parameter, value in zip(
                self._module.parameters(), self._workload.weights().values(), strict=True
            ):
                parameter.copy_(torch.from_numpy(np.asarray(value)).reshape(parameter.shape))
        self._optimizer = self._class(self._module.parameters(), lr=rate, **self._options)
        self._done = 0

    def steps(self, count: int) -> None:
        """See Contestant."""
        forward, optimizer, order, x, y = self._forward, self._optimizer, self._order, self._x, self._y
        for _ in range(count):
            if order is not None:
                rows = order[self._done % len(order)]
                x, y = self._x[rows], self._y[rows]
                self._done += 1
            optimizer.zero_grad()
            loss = forward(x, y)
            loss.backward()
            optimizer.step()
            loss.item()

    def weights(self) -> Mapping[str, np.ndarray]:
        """See Contestant."""
        shapes = (value.shape for value in self._workload.weights().values())
        return {
            name: parameter.detach().numpy().reshape(shape)
            for name, shape, parameter in zip(self._names, shapes, self._module.parameters(), strict=True)
        }


def module(workload: Workload) -> nn.Module:
    """The model, its parameters in the order of `workload.shapes`."""
    if workload.is_regression:
        return nn.Linear(1, 1).double()
    if workload.name == "cnn":
        return nn.Sequential(
            nn.Unflatten(1, (1, 28, 28)),
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(784, 10),
        )
    layers: list[nn.Module] = []
    for inputs, outputs in zip(workload.widths, workload.widths[1:], strict=False):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def make(workload: Workload, optimizer: OptimizerName, variant: str) -> Torch:
    """The variant is "torch", "torch-fused" or "torch-compile"."""
    torch.set_num_threads(1)
    return Torch(workload, optimizer, variant)
