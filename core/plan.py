"""One shard's step: forward, loss and gradient, built once for a number of rows and replayed each step."""

import numpy as np

from core.graph import Graph
from core.losses import LossSite, LossSpec, delta_of, loss_of
from core.ops.base import Call
from core.parameters import Parameters
from core.program import Options, Program


class Plan:
    """The calls of a step for shards of `rows` rows.

    The caller fills `x` (rows, columns), `y` (class numbers (rows,) int64, or (rows, outputs)) and
    `denominator` (), the whole batch's, and keeps numpy's warnings off (np.errstate(all="ignore")) while
    `run` or `forward` runs. `partial` (P + 1,) then holds this shard's gradient (P,), divided by the
    denominator, and the undivided sum of its rows' losses. Nothing is allocated per step.
    """

    def __init__(
        self, graph: Graph, loss: LossSpec, rows: int, parameters: Parameters, partial: np.ndarray
    ) -> None:
        kind = loss_of(loss)
        program = Program(graph, rows, parameters, Options(rows_last=kind.rows_last))
        self.x = program.x
        self.y = kind.targets(program.output)
        self.output = program.output
        self.denominator = np.ones((), parameters.dtype)
        output_gradient = np.zeros_like(program.values[graph.output])
        calls: list[Call] = []
        site = LossSite(
            dtype=parameters.dtype,
            calls=calls,
            output=program.output,
            y=self.y,
            denominator=self.denominator,
            total=partial[-1:].reshape(()),
            gradient=program.present(output_gradient),
            delta=delta_of(loss),
        )
        kind.forward(site)
        kind.gradient(site)
        self._forward = program.forward
        self._calls = [*program.forward, *calls, *program.differentiate(output_gradient, partial[:-1]).calls]

    def run(self) -> None:
        """Forward and backward: leave gradient and loss sum in `partial`."""
        for call in self._calls:
            call()

    def forward(self) -> np.ndarray:
        """Forward alone: `output` (rows, outputs), overwritten by the next call."""
        for call in self._forward:
            call()
        return self.output
