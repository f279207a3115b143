"""Layers over images as users write them, and naive formulas for what they give."""

import itertools
import math
from typing import Any

import numpy as np

Layer = dict[str, Any]


def unflatten(*shape: int) -> Layer:
    return {"type": "unflatten", "shape": list(shape)}


def conv(inputs: int, outputs: int, kernel: Any, **options: Any) -> Layer:
    axes = options.pop("axes", 2)
    return {"type": f"conv{axes}d", "in": inputs, "out": outputs, "kernel_size": kernel, **options}


def pool(kind: str, kernel: Any, **options: Any) -> Layer:
    return {"type": f"{kind}_pool2d", "kernel_size": kernel, **options}


def linear(inputs: int, outputs: int) -> Layer:
    return {"type": "linear", "in": inputs, "out": outputs}


FLATTEN: Layer = {"type": "flatten"}
RELU: Layer = {"type": "relu"}


def pair(value: Any, default: int) -> tuple[int, int]:
    """One number or two as two; None as the default."""
    if value is None:
        return (default, default)
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def patches(x: np.ndarray, layer: Layer, fill: float) -> np.ndarray:
    """All windows over images (rows, channels, height, width): (*places, rows, channels, *kernel)."""
    kernel = pair(layer["kernel_size"], 1)
    stride = pair(layer.get("stride"), 1) if "stride" in layer or "in" in layer else kernel
    (top, left), step = pair(layer.get("padding"), 0), pair(layer.get("dilation"), 1)
    padded = np.pad(x, ((0, 0), (0, 0), (top, top), (left, left)), constant_values=fill)
    reach = [d * (k - 1) + 1 for d, k in zip(step, kernel, strict=True)]
    rows = range(0, padded.shape[2] - reach[0] + 1, stride[0])
    columns = range(0, padded.shape[3] - reach[1] + 1, stride[1])
    return np.array(
        [
            [padded[:, :, i : i + reach[0] : step[0], j : j + reach[1] : step[1]] for j in columns]
            for i in rows
        ]
    )


def naive_convolution(x: np.ndarray, layer: Layer, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Each output from its own window, group by group."""
    windows, groups = patches(x, layer, 0.0), layer.get("groups", 1)
    inputs, outputs = x.shape[1] // groups, len(weight) // groups
    y = np.empty((len(x), len(weight), *windows.shape[:2]))
    for o, i, j in itertools.product(range(len(weight)), range(windows.shape[0]), range(windows.shape[1])):
        first = o // outputs * inputs
        seen = windows[i, j][:, first : first + inputs]
        y[:, o, i, j] = (seen * weight[o]).sum(axis=(1, 2, 3)) + bias[o]
    return y


def naive_pool(x: np.ndarray, layer: Layer) -> np.ndarray:
    """The largest of each window, or the mean."""
    largest = layer["type"].startswith("max")
    windows = patches(x, layer, -math.inf if largest else 0.0)
    values = windows.max(axis=(-1, -2)) if largest else windows.mean(axis=(-1, -2))
    return np.moveaxis(values, (0, 1), (2, 3))
