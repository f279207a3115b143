"""The series of each layer: gradient norm, weight norm, update ratio, share of dead or saturated units.

Recorded by the lead at a few steps that follow from the job's number of steps alone, from what is the same on
every member: the whole batch's gradient and the weights. Only what goes on inside the layers is looked at on
the first rows of the first shard.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from lockstep.core.engine.program import Options, Program
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.calls import BoundCalls
from lockstep.core.learning.report import Points
from lockstep.core.model.graph import Graph, Node
from lockstep.core.model.ops import OPS
from lockstep.core.model.parameters import Parameters

MAX_SAMPLES, MIN_SAMPLES = 200, 20
STEPS_TO_A_SAMPLE = 25
"""A sample costs up to a fifth of a step: so it slows a training of 500 steps or more by less than 1 %."""
LOOKED_AT_ROWS = 32
INSIDES_EVERY = 4
"""A look into the layers takes a forward pass, so only one sample in this many has one."""
NEVER = sys.maxsize
NORMS = ("gradient_norm", "weight_norm", "update_ratio")
NEAR = 0.01
"""How near to a limit an output counts as saturated, as a share of the distance of the two limits."""


def stride_of(steps: int) -> int:
    """How many steps lie between two samples: there are 20 to 200, one to 25 steps in between."""
    samples = min(max(steps // STEPS_TO_A_SAMPLE, MIN_SAMPLES), MAX_SAMPLES)
    return max(1, -(-steps // samples))


class Observer:
    """Takes samples of one training; `series` hands over and forgets them.

    `steps` is the most that can come. `due` is the next step that wants a sample.
    """

    def __init__(self, parameters: Parameters, steps: int, seed: int) -> None:
        self._stride = stride_of(steps)
        self._norms = _Norms(parameters)
        self._insides = _Insides(parameters, seed)
        self._steps: list[int] = []
        self.due = NEVER

    def begin(self, step: int) -> None:
        """Take samples from `step` on."""
        if self._norms.layers:
            self.due = -(-step // self._stride) * self._stride

    def looks_at(self, step: int) -> bool:
        """Whether the lead's takes a sample of a step; every member's says the same."""
        return bool(self._norms.layers) and step % self._stride == 0

    def before(self, step: int, gradient: np.ndarray, rows: Callable[[int], np.ndarray]) -> None:
        """Look at gradient (P,) and weights before the update; `rows` gives that many of the first shard."""
        self.due = step + self._stride
        self._steps.append(step)
        self._norms.before(gradient)
        if step % (INSIDES_EVERY * self._stride) == 0:
            self._insides.look(step, rows)

    def after(self) -> None:
        """Look at the weights after the update."""
        self._norms.after()

    def series(self) -> dict[str, Points]:
        """What was recorded since the last call, by name."""
        if not self._steps:
            return {}
        steps = np.array(self._steps, dtype=np.int64)
        self._steps.clear()
        found = {name: Points(steps=steps, values=values) for name, values in self._norms.taken().items()}
        return found | self._insides.taken()


def names_of(graph: Graph) -> list[str]:
    """The names of the series of a graph's layers."""
    names = [f"{kind}.{layer}" for layer in layers_of(graph)[0] for kind in NORMS]
    return names + [f"{share.kind}.{node.name}" for node, share in _shares(graph)]


@dataclass(frozen=True, kw_only=True)
class _Share:
    """A share of a node's outputs: the kind of the series, and what computes it."""

    kind: str
    of: Callable[[np.ndarray], float]


def _shares(graph: Graph) -> list[tuple[Node, _Share]]:
    """The nodes whose outputs have limits, and which share of them is looked at; none of an expression."""
    shares = [(node, _share_of(node)) for node in graph.nodes if not graph.input_names]
    return [(node, share) for node, share in shares if share is not None]


class _Norms(BoundCalls):
    """The norms of each layer's parameters, of their gradient, and of the update in proportion to them."""

    def __init__(self, parameters: Parameters) -> None:
        super().__init__()
        self.layers, slices = layers_of(parameters.graph)
        flat, dtype = parameters.flat, parameters.dtype
        self._flat, self._slices = flat, slices
        self._sums = np.zeros((len(NORMS), len(slices)), dtype)
        self._samples: list[np.ndarray] = []
        self._moved = aligned(flat.size if slices else 0, dtype)
        self._after: list[Call] = [partial(np.subtract, flat, self._moved, self._moved)]
        self._after += _squares(self._moved, slices, self._sums[2])
        self._owners = np.array([number for number, _ in slices], dtype=np.intp)

    def before(self, gradient: np.ndarray) -> None:
        for call in self.calls_on(gradient):
            call()

    def bind(self, array: np.ndarray) -> None:
        self._calls += [
            *_squares(array, self._slices, self._sums[0]),
            *_squares(self._flat, self._slices, self._sums[1]),
        ]
        if self._slices:
            self._calls.append(partial(np.copyto, self._moved, self._flat))

    def after(self) -> None:
        for call in self._after:
            call()
        self._samples.append(self._sums.copy())

    def taken(self) -> dict[str, np.ndarray]:
        """The norms by series, float64, one number for each sample."""
        pieces = np.array(self._samples, dtype=np.float64)
        self._samples.clear()
        squares = np.zeros((*pieces.shape[:2], len(self.layers)))
        with np.errstate(all="ignore"):
            for piece, owner in enumerate(self._owners):
                squares[:, :, owner] += pieces[:, :, piece]
            roots = np.sqrt(squares)
            roots[:, 2] /= roots[:, 1]
        return {
            f"{kind}.{layer}": roots[:, number, place]
            for place, layer in enumerate(self.layers)
            for number, kind in enumerate(NORMS)
        }


def layers_of(graph: Graph) -> tuple[list[str], list[tuple[int, slice]]]:
    """The layers that learn, by name, and which parts of the flat vector are whose (number and slice).

    A parameter's layer is its name without the last word: "0" for "0.weight". An expression has none.
    """
    names: dict[str, int] = {}
    slices: list[tuple[int, slice]] = []
    start = 0
    for parameter in graph.parameters:
        layer, dot, _ = parameter.name.rpartition(".")
        end = start + parameter.size
        if dot:
            number = names.setdefault(layer, len(names))
            if slices and slices[-1][0] == number and slices[-1][1].stop == start:
                start = slices.pop()[1].start
            slices.append((number, slice(start, end)))
        start = end
    return list(names), slices


def _squares(flat: np.ndarray, slices: list[tuple[int, slice]], out: np.ndarray) -> list[Call]:
    """Calls that leave the sum of squares of each part in `out`."""
    return [
        partial(np.dot, flat[part], flat[part], out[number : number + 1].reshape(()))
        for number, (_, part) in enumerate(slices)
    ]


class _Insides:
    """The shares of dead and of saturated units, from a forward pass of some rows up to the last of them."""

    def __init__(self, parameters: Parameters, seed: int) -> None:
        graph = parameters.graph
        self._shares = _shares(graph)
        self._parameters = parameters
        self._options = Options(keep_all=True, training=True, seed=seed)
        self._programs: dict[int, Program] = {}
        self._samples: dict[str, list[tuple[int, float]]] = {}
        if self._shares:
            last = self._shares[-1][0].id
            self._graph = replace(graph, nodes=graph.nodes[: last + 1], output=last)

    def look(self, step: int, rows: Callable[[int], np.ndarray]) -> None:
        """Pass some rows (rows, columns) forward, as in training."""
        if not self._shares:
            return
        x = rows(LOOKED_AT_ROWS)
        program = self._programs.get(len(x))
        if program is None:
            program = Program(self._graph, len(x), self._parameters, self._options)
            self._programs[len(x)] = program
        np.copyto(program.x, x)
        for stream in program.streams:
            stream.at(step, 0)
        for call in program.forward:
            call()
        for node, share in self._shares:
            sample = (step, share.of(program.values[node.id]))
            self._samples.setdefault(f"{share.kind}.{node.name}", []).append(sample)

    def taken(self) -> dict[str, Points]:
        """The shares by series."""
        samples, self._samples = self._samples, {}
        return {name: Points.of(pairs) for name, pairs in samples.items()}


def _share_of(node: Node) -> _Share | None:
    op = OPS[node.op]
    if op.rectifies:
        return _Share(kind="dead_units", of=_dead_share)
    if (limits := op.limits(node)) is None:
        return None
    low, high = limits
    near = NEAR * (high - low)
    of = partial(_saturated_share, low=low + near, high=high - near)
    return _Share(kind="saturated_units", of=of)


def _dead_share(values: np.ndarray) -> float:
    """The share of units that are 0 for all rows; images have their channels for units, for all places."""
    axes = (0,) if values.ndim < 4 else (0, *range(2, values.ndim))
    most = values.max(axis=axes)
    return int(np.count_nonzero(most == 0)) / int(most.size)


def _saturated_share(values: np.ndarray, low: float, high: float) -> float:
    """The share of all outputs that lie beyond the two limits."""
    return int(np.count_nonzero((values < low) | (values > high))) / int(values.size)
