"""One shard's step: forward, loss and gradient, built once for a number of rows and replayed each step."""

import numpy as np

from lockstep.core.engine.program import Options, Program
from lockstep.core.engine.ways import fast_executable, is_fast
from lockstep.core.ground.blas import Call
from lockstep.core.losses import LossSite, LossSpec, loss_of
from lockstep.core.losses.mixed import Mixing, append_mixed
from lockstep.core.model.parameters import Parameters


def stacks(loss: LossSpec, rows: int, parameters: Parameters) -> bool:
    """Whether a plan for shards of `rows` rows can take several of them at once."""
    return loss_of(loss).stacks and is_fast(rows, parameters)


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

    Where the plan `stacks`, `partial` may be (shards, P + S + 1): then `x` and `y` are the rows of so many
    shards of `rows` rows, one after another, and each shard's partial has the bits of a plan of its own.
    """

    def __init__(
        self, loss: LossSpec, rows: int, parameters: Parameters, partial: np.ndarray, seed: int = 0
    ) -> None:
        kind, graph = loss_of(loss), parameters.graph
        *shards, _ = partial.shape
        gradient, statistics = partial[..., : graph.size], partial[..., graph.size : -1]
        options = Options(rows_last=kind.rows_last, training=True, seed=seed)
        program = fast_executable((*shards, rows), parameters, rows_last=kind.rows_last) or Program(
            graph, rows, parameters, options, statistics
        )
        self._streams = program.streams
        self.draws = bool(program.streams)
        self.x, self.x_with_ones = program.x, program.x_with_ones
        self.y = kind.room(program.output.reshape(len(self.x), *program.output.shape[1 + len(shards) :]))
        self.output = program.output
        self.denominator = np.ones((), parameters.dtype)
        output_gradient = program.output_gradient()
        calls: list[Call] = []
        self._loading: list[Call] = []
        site = LossSite(
            dtype=parameters.dtype,
            calls=calls,
            output=program.output,
            y=self.y,
            denominator=self.denominator,
            total=partial[..., -1:].reshape(shards),
            gradient=program.present(output_gradient),
            loading=self._loading,
        )
        kind.forward(site)
        kind.gradient(site)
        self._kind, self._site = kind, site
        self._forward = program.forward
        backward = program.differentiate(output_gradient, gradient)
        self.backward, self.products = backward.calls, backward.products
        self.until_loss = [*self._forward, *calls]

    def mix(self) -> Mixing:
        """From now on take the loss against two targets for each row. Once, before the first run."""
        mixing = append_mixed(self._kind, self._site)
        self.until_loss = [*self._forward, *self._site.calls]
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
        for call in self._loading:
            call()

    def forward(self) -> np.ndarray:
        """Forward alone: `output` (rows, outputs), overwritten by the next call."""
        for call in self._forward:
            call()
        return self.output
