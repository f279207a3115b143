"""One shard's step: forward, loss and gradient, built once for a number of rows and replayed each step."""

import numpy as np

from lockstep.core.engine.program import Options, Program
from lockstep.core.engine.ways import fast_executable
from lockstep.core.ground.blas import Call
from lockstep.core.losses import LossSite, LossSpec, loss_of
from lockstep.core.losses.mixed import Mixing, append_mixed
from lockstep.core.model.parameters import Parameters


class Plan:
    """The calls of a step for shards of `rows` rows.

    The caller fills `x` (rows, columns), or where there is `x_with_ones` (rows, columns + 1) that one; `y`
    (class numbers int64, or (rows, elements): Loss.room) and `denominator` (), the whole batch's; and
    keeps numpy's warnings off (np.errstate(all="ignore")) while `run` or `forward` runs. `partial`
    (P + S + 1,) then holds this shard's gradient (P,), divided by the denominator, what it tells of its
    moments (S,), and the undivided sum of its rows' losses. Where `draws`, `at` turns the random numbers to
    step and shard before each run. Nothing is allocated per step.
    A run is the calls of `until_loss`, which leave the loss, then those of `backward`, some of which are
    `products` (core.model.ops.base.WeightProduct).
    """

    def __init__(
        self, loss: LossSpec, rows: int, parameters: Parameters, partial: np.ndarray, seed: int = 0
    ) -> None:
        kind, graph = loss_of(loss), parameters.graph
        gradient, statistics = partial[: graph.size], partial[graph.size : -1]
        options = Options(rows_last=kind.rows_last, training=True, seed=seed)
        program = fast_executable(rows, parameters, rows_last=kind.rows_last) or Program(
            graph, rows, parameters, options, statistics
        )
        self._streams = program.streams
        self.draws = bool(program.streams)
        self.x, self.x_with_ones = program.x, program.x_with_ones
        self.y = kind.room(program.output)
        self.output = program.output
        self.denominator = np.ones((), parameters.dtype)
        output_gradient = program.output_gradient()
        calls: list[Call] = []
        self.loading: list[Call] = []
        site = LossSite(
            dtype=parameters.dtype,
            calls=calls,
            output=program.output,
            y=self.y,
            denominator=self.denominator,
            total=partial[-1:].reshape(()),
            gradient=program.present(output_gradient),
            loading=self.loading,
        )
        kind.forward(site)
        kind.gradient(site)
        self.kind, self.loss_site = kind, site
        self.forward_calls = program.forward
        backward = program.differentiate(output_gradient, gradient)
        self.backward, self.products = backward.calls, backward.products
        self.until_loss = [*self.forward_calls, *calls]

    @property
    def loss_calls(self) -> list[Call]:
        """Those of `until_loss` that follow the model's own."""
        return self.loss_site.calls

    def mix(self) -> Mixing:
        """From now on take the loss against two targets for each row. Once, before the first run."""
        mixing = append_mixed(self.kind, self.loss_site)
        self.until_loss = [*self.forward_calls, *self.loss_calls]
        return mixing

    def at(self, step: int, shard: int) -> None:
        """Turn the random numbers to those of a step and a shard."""
        for stream in self._streams:
            stream.at(step, shard)

    def run(self, *, loaded: bool = True) -> None:
        """Forward and backward: leave gradient and loss sum in `partial`.

        `loaded`: whether `y` or `denominator` may have changed since the last run.
        """
        if loaded:
            self.load()
        for call in self.until_loss:
            call()
        for call in self.backward:
            call()

    def load(self) -> None:
        """Take note of what `y` and `denominator` are now."""
        for call in self.loading:
            call()

    def forward(self) -> np.ndarray:
        """Forward alone: `output` (rows, outputs), overwritten by the next call."""
        for call in self.forward_calls:
            call()
        return self.output
