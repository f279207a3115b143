"""A formula of named numbers, computed at one point after another: its value there, and its slopes."""

import re
from collections.abc import Collection, Mapping
from functools import partial

import numpy as np

from lockstep.core.engine.diagnose import BadNode, first_bad_node
from lockstep.core.engine.program import Options, Program
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.model.expression import formula_graph
from lockstep.core.model.parameters import Parameters

MAX_SHOWN = 8
"""Names whose numbers a message tells."""
_WORDS = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


class Formula:
    """The value of a formula and its derivatives, at a point that is moved in place.

    `point` (k,) are the unknowns in the order of `names`, at first where they start; `gradient` (k,) and
    `value` () hold what `compute` found there. The caller keeps numpy's warnings off meanwhile.
    """

    def __init__(
        self, text: str, start: Mapping[str, float], unknowns: Collection[str], dtype: np.dtype
    ) -> None:
        self._graph = formula_graph(text, start, unknowns)
        self.parameters = Parameters(self._graph, dtype)
        self.parameters.initialize(0)
        self.names = tuple(parameter.name for parameter in self._graph.parameters)
        self.point = self.parameters.flat
        self.gradient = aligned(self._graph.size, dtype)
        self._fixed = {name: value for name, value in start.items() if name not in unknowns}
        program = Program(self._graph, 1, self.parameters, Options())
        self.value = program.values[self._graph.output]
        one = np.ones((), dtype)
        self._calls: list[Call] = [
            *program.forward,
            partial(np.copyto, one, 1.0),  # the way back may write into it
            *program.differentiate(one, self.gradient).calls,
        ]

    def compute(self) -> None:
        """Set value and gradient to those of the point."""
        for call in self._calls:
            call()

    def all_numbers(self) -> dict[str, np.ndarray]:
        """Every name's number (), as copies: the unknowns' and the others'."""
        dtype = self.point.dtype
        fixed = {name: np.array(value, dtype) for name, value in self._fixed.items()}
        return fixed | self.parameters.export()

    def bad_node(self) -> BadNode | None:
        """Where value or gradient stops being finite at this point."""
        return first_bad_node(self._graph, self.parameters, np.empty((1, 0), self.point.dtype))

    def place(self, text: str = "") -> str:
        """The numbers of the names that occur in a part of the formula, or of all: "x = 1.5, y = 3"."""
        words = set(_WORDS.findall(text))
        numbers = self.all_numbers()
        named = [name for name in sorted(numbers) if name in words] or sorted(numbers)
        shown = [f"{name} = {float(numbers[name]):g}" for name in named[:MAX_SHOWN]]
        return ", ".join([*shown, "..."] if len(named) > MAX_SHOWN else shown)
