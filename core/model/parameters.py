"""All parameters of a model as views of one flat vector, and their way out to state_dict layout and back."""

import hashlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.errors import InvalidData
from lockstep.core.model.graph import Graph


class Parameters:
    """The learned arrays of one model, and its buffers.

    `flat` (P,) holds what is learned one after another in the graph's order; `views[name]` is each one's part
    of it in stored layout (linear weights as (in, out)). An optimizer and the group see `flat` only.
    `buffers[name]` is state that is not learned, such as running means; it lies apart.
    """

    def __init__(self, graph: Graph, dtype: np.dtype) -> None:
        self.graph = graph
        self.dtype = np.dtype(dtype)
        self.flat = aligned(graph.size, self.dtype)
        self.views = split(graph, self.flat)
        self.buffers = {
            buffer.name: np.full(buffer.shape, buffer.start, np.int64 if buffer.counts else self.dtype)
            for buffer in graph.buffers
        }

    def export(self) -> dict[str, np.ndarray]:
        """Copies in state_dict layout: C order, named and shaped as in torch.nn.Sequential; buffers too."""
        return export(self.graph, self.flat) | {name: value.copy() for name, value in self.buffers.items()}

    def load(self, weights: Mapping[str, ArrayLike]) -> None:
        """Take over arrays in state_dict layout. Raises InvalidData if a name or a shape does not fit."""
        names = {parameter.name for parameter in self.graph.parameters} | set(self.buffers)
        if unknown := sorted(set(weights) - names):
            raise InvalidData(
                f"the weights name {unknown}, which this model does not have: it has {sorted(names)}"
            )
        if missing := sorted(names - set(weights)):
            raise InvalidData(f"the weights lack {missing}: give every parameter of the model")
        for parameter in self.graph.parameters:
            value = _fitting(parameter.name, parameter.shape, np.asarray(weights[parameter.name], self.dtype))
            self.views[parameter.name][...] = value.T if parameter.transposed else value
        for name, buffer in self.buffers.items():
            buffer[...] = _fitting(name, buffer.shape, np.asarray(weights[name], buffer.dtype))

    def initialize(self, seed: int, initial_weights: Mapping[str, ArrayLike] | None = None) -> None:
        """Set every parameter to its start: from `initial_weights` where it is named there, else drawn.

        A draw follows from (seed, name) alone.
        """
        start: dict[str, ArrayLike] = {
            parameter.name: parameter.initializer.draw(parameter.shape, seed, parameter.name)
            for parameter in self.graph.parameters
        }
        start |= {buffer.name: np.full(buffer.shape, buffer.start) for buffer in self.graph.buffers}
        self.load(start | dict(initial_weights or {}))


def _fitting(name: str, shape: tuple[int, ...], value: np.ndarray) -> np.ndarray:
    if value.shape != shape:
        wanted = f"{name} of shape {shape}"
        raise InvalidData(f"expected {wanted}, got shape {value.shape}: turn or cut it to fit")
    return value


def split(graph: Graph, flat: np.ndarray) -> dict[str, np.ndarray]:
    """Each parameter's part of a flat vector (P,) or longer, as a view in stored layout."""
    views: dict[str, np.ndarray] = {}
    start = 0
    for parameter in graph.parameters:
        views[parameter.name] = flat[start : start + parameter.size].reshape(parameter.stored)
        start += parameter.size
    return views


def export(graph: Graph, flat: np.ndarray) -> dict[str, np.ndarray]:
    """Copies of a flat vector's parts (weights or gradients) in state_dict layout, C order."""
    views = split(graph, flat)
    return {
        parameter.name: np.array(
            views[parameter.name].T if parameter.transposed else views[parameter.name], order="C", copy=True
        )
        for parameter in graph.parameters
    }


def weights_sha256(weights: Mapping[str, np.ndarray]) -> str:
    """The digest of a model: 64 hexadecimal digits.

    SHA-256 over the arrays in the order of their names (by code point), each as its name in UTF-8, a NUL
    byte, its dtype ("float32"), NUL, its shape with commas ("32,64"; nothing for a scalar), NUL, and its
    elements little-endian in C order.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        array = weights[name]
        shape = ",".join(str(length) for length in array.shape)
        digest.update(f"{name}\0{array.dtype.name}\0{shape}\0".encode())
        digest.update(little_endian(array).tobytes())
    return digest.hexdigest()


def little_endian(array: np.ndarray) -> np.ndarray:
    """The same numbers, C-contiguous and little-endian; a copy only where it is not so already."""
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
