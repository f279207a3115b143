"""Whether batch norm has two values or more for each channel wherever it takes their mean in training."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from lockstep.core.ground.errors import Problem
from lockstep.core.ground.shards import shard_rows
from lockstep.core.model.layers import walk
from lockstep.core.model.spec import LayersModel
from lockstep.core.spec.job import TrainSpec
from lockstep.core.submission.facts import Facts

FEWEST = 2
"""Values of a channel: of one alone the deviation is 0, whatever it is, and so is the gradient behind it."""
MAX_TRIES = 1000
"""Larger batch sizes that are tried for a remedy."""


@dataclass(frozen=True, kw_only=True)
class Cut:
    """How `rows` training rows are cut: batches of `batch` rows, each into shards, these into pieces."""

    rows: int
    batch: int
    shards: int
    pieces: int

    @property
    def batches(self) -> tuple[int, ...]:
        """How many rows the batches of an epoch have: all but the last, then that one if it is shorter."""
        batch = min(self.batch, self.rows)
        rest = self.rows % batch
        return (batch, rest) if rest else (batch,)

    @property
    def fewest_rows(self) -> int:
        """How many rows a batch must have, so that each of its pieces has FEWEST: these are cut evenly."""
        return FEWEST * self.shards * self.pieces

    def single(self) -> tuple[int, int, int] | None:
        """The rows of the first batch with a piece of one row, its shard and its piece; None without one."""
        for rows in self.batches:
            if rows >= self.fewest_rows:
                continue
            for shard in range(self.shards):
                low, high = shard_rows(shard, self.shards, rows)
                for piece in range(self.pieces):
                    first, end = shard_rows(piece, self.pieces, high - low)
                    if end - first == 1:
                        return rows, shard, piece
        return None


def check_batch_norm(
    spec: TrainSpec, facts: Facts, shards_of: Callable[[TrainSpec], int]
) -> Iterator[Problem]:
    """One problem for each layer that sees a single value.

    `shards_of` tells how many shards a spec has, also where it leaves them open.
    """
    shards, rows = shards_of(spec), facts.parts.train
    if not isinstance(spec.model, LayersModel) or rows < 1 or shards & (shards - 1):
        return
    pointers = {
        name: pointer
        for pointer, name, layer in walk(spec.model.layers, "/model/layers")
        if layer.takes_moments
    }
    cut = _cut_of(spec, rows, shards)
    single = cut.single() if pointers else None
    if single is None:
        return
    graph, problems = facts.assembled
    if graph is None or problems:
        return
    for moments in graph.moments:
        if moments.places == 1:
            yield Problem(
                pointer=pointers[moments.layer],
                code="one_value_per_channel",
                message=f"expected {FEWEST} values or more of each channel, got 1: "
                f'layer "{moments.layer}" sees a single row in {_place(cut, *single)}; '
                f"{_remedy(spec, cut, shards_of)}",
            )


def _cut_of(spec: TrainSpec, rows: int, shards: int) -> Cut:
    batch = rows if spec.step_rows == "full" else spec.step_rows
    return Cut(rows=rows, batch=batch, shards=shards, pieces=spec.accumulate)


def _place(cut: Cut, rows: int, shard: int, piece: int) -> str:
    which = "the last batch" if rows != min(cut.batch, cut.rows) else "each batch"
    cuts = f"{cut.shards} shards" if cut.shards > 1 else "1 shard"
    of = f"piece {piece} of shard {shard}" if cut.pieces > 1 else f"shard {shard}"
    pieces = f" of {cut.pieces} pieces (accumulate)" if cut.pieces > 1 else ""
    return f"{of} of {which}, whose {rows} rows are cut into {cuts}{pieces}"


def _remedy(spec: TrainSpec, cut: Cut, shards_of: Callable[[TrainSpec], int]) -> str:
    ways = []
    if (batch := _larger_batch(spec, cut.rows, shards_of)) is not None:
        ways.append(f'set "batch_size" to {batch}')
    fitting = min(cut.batches) // (FEWEST * cut.pieces)
    if fitting >= 1 and cut.shards > 1:
        ways.append(f'{"" if ways else "set "}"shards" to {1 << (fitting.bit_length() - 1)}')
    ways.append("take layer_norm, which looks at one row at a time")
    return ", or ".join(ways)


def _larger_batch(spec: TrainSpec, rows: int, shards_of: Callable[[TrainSpec], int]) -> int | str | None:
    """The next larger batch_size that leaves no single row, or "full"; None where there is none."""
    if spec.batch_size == "full":
        return None
    sizes = range(spec.batch_size + 1, min(spec.batch_size + MAX_TRIES, rows))
    for size in (*sizes, "full"):
        other = spec.model_copy(update={"batch_size": size})
        if _cut_of(other, rows, shards_of(other)).single() is None:
            return size if isinstance(size, int) else '"full"'
    return None
