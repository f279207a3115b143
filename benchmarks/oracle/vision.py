"""Layers over images and signals with every option, batch norm, and dropout with its masks handed over.

The numbers to learn from are multiples of a half: windows have several largest numbers here and there.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.oracle.case import Case, Deviation, Peer, Rows, against_torch, classes, values
from lockstep.core.ground.random import Stream

nn = torch.nn
Layer = dict[str, Any]
Build = Callable[[], list[torch.nn.Module]]
"""Makes the modules that stand for the layers."""

IMAGE = (3, 7, 8)
SIGNAL = (4, 12)
OUTPUTS, ROWS, BATCH = 3, 14, 5


def _case(name: str, shape: tuple[int, ...], layers: Sequence[Layer], build: Build) -> Case:
    """Layers and their modules, between an unflatten and a linear layer as wide as they ask for."""
    x = np.round(2 * values((ROWS, *shape))).reshape(ROWS, -1) / 2
    rows = Rows(x=x, y=classes(ROWS, OUTPUTS), batch_size=BATCH)

    def run() -> Deviation:
        torch.set_default_dtype(torch.float64)
        width = nn.Sequential(*build())(torch.zeros(2, *shape)).flatten(1).shape[1]
        ends = ({"type": "unflatten", "shape": list(shape)}, {"type": "flatten"})
        linear = {"type": "linear", "in": width, "out": OUTPUTS}
        optimizer = {"type": "sgd", "learning_rate": 0.05, "momentum": 0.9}
        model = {"layers": [ends[0], *layers, ends[1], linear]}
        spec = {"model": model, "loss": "cross_entropy", "optimizer": optimizer}

        def peer() -> Peer:
            net = nn.Sequential(nn.Unflatten(1, shape), *build(), nn.Flatten(), nn.Linear(width, OUTPUTS))
            trained = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
            return Peer(module=net, loss=nn.CrossEntropyLoss(), optimizer=trained)

        return against_torch(name, spec, peer, rows).run()

    return Case(name=name, run=run)


def _shown(kind: str, options: dict[str, Any]) -> str:
    return ", ".join([kind, *(f"{name} {value}" for name, value in options.items())])


def _conv(axes: int, channels: int, **options: Any) -> Case:
    """Above another convolution and a tanh, so that its input's gradient counts."""
    kind, shape = ((nn.Conv1d, SIGNAL), (nn.Conv2d, IMAGE))[axes - 1]
    name = f"conv{axes}d"
    layers: list[Layer] = [
        {"type": name, "in": shape[0], "out": channels, "kernel_size": 2},
        {"type": "tanh"},
        {"type": name, "in": channels, "out": 4, **options},
        {"type": "relu"},
    ]

    def build() -> list[torch.nn.Module]:
        return [kind(shape[0], channels, 2), nn.Tanh(), kind(channels, 4, **options), nn.ReLU()]

    return _case(_shown(name, options), shape, layers, build)


def _pool(name: str, module: Callable[..., torch.nn.Module], **options: Any) -> Case:
    """Above a convolution and a relu."""
    axes = 1 if name.endswith("1d") else 2
    kind, shape = ((nn.Conv1d, SIGNAL), (nn.Conv2d, IMAGE))[axes - 1]
    conv = {"type": f"conv{axes}d", "in": shape[0], "out": 4, "kernel_size": 3, "padding": 1}

    def build() -> list[torch.nn.Module]:
        return [kind(shape[0], 4, 3, padding=1), nn.ReLU(), module(**options)]

    return _case(_shown(name, options), shape, [conv, {"type": "relu"}, {"type": name, **options}], build)


def _norm(name: str, shape: tuple[int, ...], **options: Any) -> Case:
    """The data's own features or channels, then those of a convolution."""
    module = nn.BatchNorm2d if name.endswith("2d") else nn.BatchNorm1d
    over = {1: "features", 2: "signals", 3: "images"}[len(shape)]
    layers: list[Layer] = [{"type": name, "num_features": shape[0], **options}, {"type": "silu"}]
    if len(shape) > 1:
        layers += [
            {"type": f"conv{len(shape) - 1}d", "in": shape[0], "out": 5, "kernel_size": 3},
            {"type": name, "num_features": 5, **options},
            {"type": "relu"},
        ]

    def build() -> list[torch.nn.Module]:
        inner = [module(shape[0], **options), nn.SiLU()]
        if len(shape) > 1:
            conv = nn.Conv1d if len(shape) == 2 else nn.Conv2d
            inner += [conv(shape[0], 5, 3), module(5, **options), nn.ReLU()]
        return inner

    return _case(_shown(f"{name} over {over}", options), shape, layers, build)


class HandedMasks(torch.nn.Module):  # type: ignore[misc]  # torch has no types here
    """Dropout by the random numbers that node `node` draws in each step of a job with seed 0."""

    def __init__(self, node: int, p: float) -> None:
        super().__init__()
        self._stream, self._keep, self._step = Stream(0, "node", node), 1 - p, 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The numbers come in the order of memory: of images and signals the rows lie innermost."""
        self._stream.at(self._step, 0)
        self._step += 1
        numbers = np.empty((*x.shape[1:], len(x)) if x.ndim > 2 else tuple(x.shape))
        self._stream.uniform(numbers)
        drawn = np.moveaxis(numbers, -1, 0) if x.ndim > 2 else numbers
        return x * torch.from_numpy(drawn < self._keep) / self._keep


def _dropout(name: str, *layers: Layer, build: Build) -> Case:
    return _case(name, IMAGE, layers, build)


CONV = {"type": "conv2d", "in": 3, "out": 4, "kernel_size": 3}
HIDDEN = {"type": "linear", "in": 168, "out": 20}

CASES: tuple[Case, ...] = (
    _conv(1, 4, kernel_size=3),
    _conv(1, 6, kernel_size=3, stride=2, padding=2, dilation=2, groups=2),
    _conv(1, 2, kernel_size=1, bias=False),
    _conv(2, 4, kernel_size=3),
    _conv(2, 4, kernel_size=3, padding=1),
    _conv(2, 4, kernel_size=(2, 3), padding=(0, 2)),
    _conv(2, 4, kernel_size=3, stride=2),
    _conv(2, 4, kernel_size=3, stride=(1, 3), padding=1),
    _conv(2, 4, kernel_size=2, dilation=2),
    _conv(2, 4, kernel_size=3, dilation=(2, 1), padding=2),
    _conv(2, 4, kernel_size=3, groups=2),
    _conv(2, 4, kernel_size=3, groups=4, padding=1),
    _conv(2, 1, kernel_size=3, bias=False),
    _conv(2, 6, kernel_size=2, stride=2, padding=1, dilation=2, groups=2, bias=False),
    _pool("max_pool1d", nn.MaxPool1d, kernel_size=2),
    _pool("max_pool1d", nn.MaxPool1d, kernel_size=3, stride=2, padding=1),
    _pool("max_pool2d", nn.MaxPool2d, kernel_size=2),
    _pool("max_pool2d", nn.MaxPool2d, kernel_size=(2, 3), stride=(2, 1), padding=(1, 0)),
    _pool("max_pool2d", nn.MaxPool2d, kernel_size=3, stride=2, padding=1),
    _pool("avg_pool1d", nn.AvgPool1d, kernel_size=3),
    _pool("avg_pool1d", nn.AvgPool1d, kernel_size=3, stride=2, padding=1),
    _pool("avg_pool2d", nn.AvgPool2d, kernel_size=2),
    _pool("avg_pool2d", nn.AvgPool2d, kernel_size=(3, 2), stride=(1, 2), padding=1),
    _pool("adaptive_avg_pool1d", nn.AdaptiveAvgPool1d, output_size=5),
    _pool("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d, output_size=1),
    _pool("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d, output_size=(3, 5)),
    _norm("batch_norm_1d", (40,)),
    _norm("batch_norm_1d", SIGNAL),
    _norm("batch_norm_1d", SIGNAL, eps=0.01, momentum=0.3, affine=False),
    _norm("batch_norm_2d", IMAGE),
    _norm("batch_norm_2d", IMAGE, eps=0.01, momentum=0.3),
    _norm("batch_norm_2d", IMAGE, affine=False),
    _dropout(
        "dropout, masks handed over",
        {"type": "flatten"},
        HIDDEN,
        {"type": "dropout", "p": 0.3},
        {"type": "silu"},
        build=lambda: [nn.Flatten(), nn.Linear(168, 20), HandedMasks(6, 0.3), nn.SiLU()],
    ),
    _dropout(
        "dropout of images, masks handed over",
        CONV,
        {"type": "dropout"},
        {"type": "relu"},
        build=lambda: [nn.Conv2d(3, 4, 3), HandedMasks(5, 0.5), nn.ReLU()],
    ),
)
