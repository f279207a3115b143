"""Several shards of one member through one plan, call by call, with the bits of a plan for each.

A shard's plan is built once and its calls are taken apart (calls.py); each lane has arrays of its own
(lanes.py); where one call for all lanes has the same bits it is made (merging.py), else each has its own.
The gradients of the weights are added in the shards' tree as they come, by the products themselves where that
alters no bits (adding.py); what else a shard has to tell, biases and losses, lies side by side and is added
at the end.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np

from lockstep.core.data.dataset import Part
from lockstep.core.engine.fast.adding import Factored, others
from lockstep.core.engine.fast.calls import Form, Slot, TakenApart, reading_of
from lockstep.core.engine.fast.lanes import Lanes, Used, lanes_within, taller
from lockstep.core.engine.fast.loaded_plan import MAX_LANDINGS, RowLoader
from lockstep.core.engine.fast.merging import together
from lockstep.core.engine.fast.weight_gradients import Leaves, weights_apart
from lockstep.core.engine.plan import Plan
from lockstep.core.engine.room import MAX_TOGETHER_BYTES
from lockstep.core.ground.blas import Call
from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.random import Stream
from lockstep.core.losses import LossSite, LossSpec
from lockstep.core.model.parameters import Parameters


class Together:
    """The plan of `count` shards, a power of two, of `rows` rows each."""

    def __init__(
        self, plan: Plan, lanes: Lanes, partial_of_one: np.ndarray, parameters: Parameters, part: Part
    ) -> None:
        """`plan`: one shard's, which writes into `partial_of_one`; see `all_together`."""
        self._plan, self._lanes = plan, lanes
        self._width, self._dtype = partial_of_one.size, partial_of_one.dtype
        self._streams: dict[int, list[Stream]] = {}
        self._constants: dict[tuple[Any, ...], np.ndarray] = {}
        self._changing = [plan.denominator, parameters.flat, *parameters.buffers.values()]
        self._found = weights_apart(plan, partial_of_one, lanes.count)
        self._runs = others(self._width, self._found)
        self._rest = lanes.rest.view(self._dtype)
        self._calls: list[Call | Leaves] = []
        self._pending: list[TakenApart] = []
        self._append_all()
        largest = max((each.out.size for each in self._found.values()), default=0)
        self._scratch = [aligned(largest, self._dtype) for _ in range(lanes.count.bit_length() - 1)]
        self._compiled: dict[int, tuple[np.ndarray, list[Call]]] = {}
        self._own: np.ndarray | None = None
        self._loaders = self._loaders_of(part)

    def run(self, rows: np.ndarray, first: int, denominator: float, out: np.ndarray, step: int) -> None:
        """Leave in `out` (width,) the sum over the shards from `first` on of a batch of these rows."""
        each = len(self._plan.x)
        share = each * self._lanes.count // len(self._loaders)
        low = first * each
        changed = False
        for loader in self._loaders:
            changed |= loader.load(rows, low, low + share)
            low += share
        if changed:
            self._plan.denominator[()] = denominator
            for call in self._loading:
                call()
        for twins in self._streams.values():
            for lane, twin in enumerate(twins):
                twin.at(step, first + lane)
        for call in self._calls_into(out):
            call()

    def _loaders_of(self, part: Part) -> list[RowLoader]:
        """One for all lanes, where their rows lie as those of one matrix; else one for each."""
        plan, lanes = self._plan, self._lanes
        x, y = taller(lanes.stacked(plan.x)), taller(lanes.stacked(plan.y))
        wide = None if plan.x_with_ones is None else taller(lanes.stacked(plan.x_with_ones))
        if x is not None and y is not None:
            return [RowLoader(part, x, wide, y)]
        return [
            RowLoader(part, lanes.lane(plan.x, lane), None, lanes.lane(plan.y, lane))
            for lane in range(lanes.count)
        ]

    def _append_all(self) -> None:
        plan = self._plan
        self._append(plan.forward_calls)
        site = self._stacked_loss()
        if site is not None:
            plan.kind.forward(site)
            plan.kind.gradient(site)
            self._loading = list(site.loading or ())
            self._calls += site.calls
        else:
            self._append(plan.loss_calls)
            ahead, self._calls = self._calls, []
            self._append(plan.loading)
            self._loading, self._calls = [call for call in self._calls if callable(call)], ahead
        weights = {each.position: key for key, each in self._found.items()}
        start = 0
        for position in sorted(weights):
            self._append(plan.backward[start:position])
            self._append_leaves(weights[position])
            start = position + 1
        self._append(plan.backward[start:])

    def _append_leaves(self, key: Factored) -> None:
        found, lanes = self._found[key], self._lanes
        factors = tuple((lanes.lane(found.a, lane), lanes.lane(found.b, lane)) for lane in range(lanes.count))
        self._calls.append(Leaves(factors=factors, part=slice(key[0], key[0] + found.out.size)))

    def _stacked_loss(self) -> LossSite | None:
        """The place of a loss that takes all lanes at once; None for another, whose calls are taken apart."""
        site, lanes = self._plan.loss_site, self._lanes
        output = lanes.stacked(site.output)
        in_order = output.swapaxes(-1, -2) if self._plan.kind.rows_last else output
        y = taller(lanes.stacked(site.y))
        if not self._plan.kind.stacks or output.ndim != 3 or not in_order.flags.c_contiguous or y is None:
            return None
        return LossSite(
            dtype=site.dtype,
            calls=[],
            output=output,
            y=y,
            denominator=site.denominator,
            total=lanes.stacked(site.total),
            gradient=lanes.stacked(site.gradient),
            loading=[],
            stacks=_products_of_shards,
        )

    def _append(self, calls: Iterable[Call]) -> None:
        """Append these calls of all lanes."""
        for call in calls:
            reading = reading_of(call)
            assert reading is not None  # noqa: S101 - `all_together` has looked at each
            merged = self._merged(reading)
            if merged is None:
                self._pending.append(reading)
            else:
                self._part_ways()
                self._calls.append(merged)
        self._part_ways()

    def _part_ways(self) -> None:
        """Append what each lane does by itself: one lane after another, as the cache likes it."""
        for lane in range(self._lanes.count if self._pending else 0):
            for reading in self._pending:
                arrays = [self._lanes.lane(each, lane) for each in reading.operands]
                if reading.stream is None:
                    self._calls.append(reading.form.on(arrays))
                else:
                    draw = getattr(self._twin(reading.stream, lane), reading.form.function)
                    self._calls.append(partial(draw, *arrays))
        self._pending.clear()

    def _twin(self, stream: Stream, lane: int) -> Stream:
        if id(stream) not in self._streams:
            self._streams[id(stream)] = [stream.twin() for _ in range(self._lanes.count)]
        return self._streams[id(stream)][lane]

    def _merged(self, reading: TakenApart) -> Call | None:
        """One call for all lanes, if it has their bits."""
        lanes = self._lanes
        local = [lanes.is_local(each) for each in reading.operands]
        if reading.stream is not None or not any(local) or _overlap(reading):
            return None
        arrays = [
            lanes.stacked(each) if own else each for each, own in zip(reading.operands, local, strict=True)
        ]
        if reading.form.kind == "ufunc":
            # One number after another of all operands: a constant is laid out for all lanes, too.
            shape = next(reading.written).shape
            for number, each in enumerate(reading.operands):
                if shape and not local[number] and each.shape == shape and self._is_constant(each):
                    arrays[number], local[number] = self._for_all_lanes(each), True
        return together(reading.form, arrays, local)

    def _is_constant(self, array: np.ndarray) -> bool:
        """Whether it is one of the plan's own that no call writes."""
        return not any(np.may_share_memory(array, each) for each in self._changing)

    def _for_all_lanes(self, constant: np.ndarray) -> np.ndarray:
        """A copy for each lane; the same ones serve all calls."""
        key = (constant.ctypes.data, constant.shape, constant.strides)
        if key not in self._constants:
            stacked = aligned((self._lanes.count, constant.nbytes), np.dtype(np.uint8))
            shape, strides = (len(stacked), *constant.shape), (constant.nbytes, *constant.strides)
            self._constants[key] = np.ndarray(shape, constant.dtype, stacked, 0, strides)
            self._constants[key][...] = constant
        return self._constants[key]

    def _calls_into(self, out: np.ndarray) -> list[Call]:
        """All calls of a step, the sum going to `out`."""
        _, calls = self._compiled.get(id(out), (None, None))
        if calls is None:
            if len(self._compiled) < MAX_LANDINGS:
                calls = self._compile(out)
                # The array is kept, so that no other one gets its number.
                self._compiled[id(out)] = (out, calls)
            else:
                calls = self._by_way_of_own(out)
        return calls

    def _by_way_of_own(self, out: np.ndarray) -> list[Call]:
        if self._own is None:
            self._own = aligned(self._width, self._dtype)
            self._into_own = self._compile(self._own)
        return [*self._into_own, partial(np.copyto, out, self._own)]

    def _compile(self, out: np.ndarray) -> list[Call]:
        calls: list[Call] = []
        for each in self._calls:
            if isinstance(each, Leaves):
                calls += each.added_into(out, self._scratch)
            else:
                calls.append(each)
        return calls + self._sums_of_rest(out)

    def _sums_of_rest(self, out: np.ndarray) -> list[Call]:
        """The lanes' rest added in the tree; the last addition of all brings it to its places in `out`."""
        calls: list[Call] = []
        span, rest = 1, self._rest
        while 2 * span < len(rest):
            left, right = rest[:: 2 * span], rest[span :: 2 * span]
            calls.append(partial(np.add, left, right, left))
            span *= 2
        start = 0
        for run in self._runs:
            mine = slice(start, start + run.stop - run.start)
            calls.append(partial(np.add, rest[0, mine], rest[span, mine], out[run]))
            start = mine.stop
        return calls


def _products_of_shards(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> Call | None:
    """The products of a vector and each shard's part of `b` (shards, ...) in one call, if it has the bits."""
    slots = tuple(Slot(number) for number in range(3))
    form = Form(kind="product", function=None, arguments=slots, writes=frozenset({2}))
    return together(form, [a, b, out], [False, True, True])


def _overlap(reading: TakenApart) -> bool:
    """Whether it writes to memory that it reads by another view: made-up operands are all apart."""
    written = reading.form.writes
    return any(
        np.may_share_memory(array, other)
        for number, array in enumerate(reading.operands)
        for place, other in enumerate(reading.operands)
        if number != place and (number in written or reading.form.kind == "product")
    )


def all_together(
    loss: LossSpec, shape: tuple[int, int], parameters: Parameters, part: Part, seed: int
) -> Together | None:
    """The plan of (shards, rows of each).

    None where a call can't be taken apart, or the lanes take too much room.
    """
    count, rows = shape
    graph = parameters.graph
    written = aligned(graph.size + graph.statistics + 1, parameters.dtype)
    plan = Plan(loss, rows, parameters, written, seed)
    found = weights_apart(plan, written, count)
    positions = {each.position for each in found.values()}
    backward = [call for position, call in enumerate(plan.backward) if position not in positions]
    readings = [reading_of(call) for call in (*plan.loading, *plan.until_loss, *backward)]
    known = [reading for reading in readings if reading is not None]
    if len(known) < len(readings):
        return None
    low, size = written.ctypes.data, written.itemsize
    apart = [(low + run.start * size, low + run.stop * size) for run in others(written.size, found)]
    given = [plan.x, plan.y] + ([] if plan.x_with_ones is None else [plan.x_with_ones])
    used = [array for reading in known for array in reading.operands]
    used += [factor for each in found.values() for factor in (each.a, each.b)]
    used += [plan.loss_site.output, plan.loss_site.gradient, plan.loss_site.total]
    lanes = lanes_within(
        MAX_TOGETHER_BYTES,
        count,
        Used(
            arrays=[*given, *used],
            written=[*given, *(array for reading in known for array in reading.written)],
            partial=written,
            apart=apart,
        ),
    )
    return None if lanes is None else Together(plan, lanes, written, parameters, part)
