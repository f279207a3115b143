"""Where the boxes of a graph lie: in layers from top to bottom, edges as smooth as can be.

After Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System Structures" (1981):
ranks by the longest path, bends for edges over several ranks, order within a rank by the neighbours' means,
places by weighted least squares under the least distances.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

GAP_X = 22.0
GAP_Y = 34.0
BEND_WIDTH = 10.0
SWEEPS = 24
STRAIGHT = 60.0
"""How much more a bend or a node of the main line counts than a source beside it."""


@dataclass(kw_only=True)
class Box:
    """One box to place: `width` and `height` are given; `x`, `y` (its middle and its top) are found."""

    inputs: tuple[int, ...]
    width: float
    height: float
    x: float = 0.0
    y: float = 0.0


@dataclass(frozen=True)
class Line:
    """An edge as its points from `source`'s lower to `target`'s upper side."""

    source: int
    target: int
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Layout:
    """Everything placed; the left upper corner is (0, 0)."""

    boxes: Sequence[Box]
    lines: tuple[Line, ...]
    width: float
    height: float


@dataclass(eq=False)
class _Spot:
    """A box or a bend in a rank: its neighbours above and below."""

    box: Box
    weight: float
    above: list["_Spot"] = field(default_factory=list)
    below: list["_Spot"] = field(default_factory=list)


def lay_out(boxes: Sequence[Box]) -> Layout:
    """Place boxes whose `inputs` number boxes before them."""
    ranks = _ranks(boxes)
    spots = [_Spot(box, STRAIGHT if box.inputs else 1.0) for box in boxes]
    rows: list[list[_Spot]] = [[] for _ in range(max(ranks, default=-1) + 1)]
    for spot, rank in zip(spots, ranks, strict=True):
        rows[rank].append(spot)
    chains = {
        (source, target): _chain(spots, ranks, rows, source, target)
        for target, box in enumerate(boxes)
        for source in dict.fromkeys(box.inputs)
    }
    _order(rows)
    _place(rows)
    left = min((spot.box.x - spot.box.width / 2 for row in rows for spot in row), default=0.0)
    top = 0.0
    for row in rows:
        height = max(spot.box.height for spot in row)
        for spot in row:
            spot.box.x -= left
            spot.box.y = top + (height - spot.box.height) / 2
        top += height + GAP_Y
    width = max((spot.box.x + spot.box.width / 2 for row in rows for spot in row), default=0.0)
    return Layout(boxes, _lines(boxes, chains), width, max(top - GAP_Y, 0.0))


def _ranks(boxes: Sequence[Box]) -> list[int]:
    """The row of each box: below all its inputs; a source directly above the first that reads it."""
    ranks: list[int] = []
    for box in boxes:
        ranks.append(1 + max((ranks[source] for source in box.inputs), default=-1))
    for number, box in enumerate(boxes):
        if not box.inputs:
            readers = [ranks[target] for target, other in enumerate(boxes) if number in other.inputs]
            ranks[number] = max(min(readers, default=1) - 1, 0)
    return ranks


def _chain(
    spots: list[_Spot], ranks: list[int], rows: list[list[_Spot]], source: int, target: int
) -> list[_Spot]:
    """Join two boxes by a bend in each rank between them."""
    chain = [spots[source]]
    for rank in range(ranks[source] + 1, ranks[target]):
        bend = _Spot(Box(inputs=(), width=BEND_WIDTH, height=0.0), STRAIGHT)
        rows[rank].append(bend)
        chain.append(bend)
    chain.append(spots[target])
    for upper, lower in pairwise(chain):
        upper.below.append(lower)
        lower.above.append(upper)
    return chain


def _order(rows: list[list[_Spot]]) -> None:
    """Sort each rank by the mean place of its neighbours, down and up in turn."""
    places = {id(spot): float(place) for row in rows for place, spot in enumerate(row)}
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            wanted = {
                id(spot): _mean([places[id(near)] for near in (spot.above if down else spot.below)])
                for spot in row
            }
            row.sort(key=lambda spot: places[id(spot)] if (at := wanted[id(spot)]) is None else at)
            places |= {id(spot): place - len(row) / 2 for place, spot in enumerate(row)}


def _place(rows: list[list[_Spot]]) -> None:
    """Draw each spot to the mean of its neighbours; in the end every neighbour above and below counts."""
    for row in rows:
        _settle(row, [0.0] * len(row))
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            _settle(row, [_wish(spot) for spot in row])


def _wish(spot: _Spot) -> float:
    near = [*spot.above, *spot.below]
    weight = sum(each.weight for each in near)
    return sum(each.weight * each.box.x for each in near) / weight if weight else spot.box.x


def _settle(row: list[_Spot], wishes: list[float]) -> None:
    """The places nearest to the wishes, by weighted least squares, that keep order and distances.

    With the distances taken off, places must only not fall: pool those that would, and give each pool its
    mean (isotonic regression).
    """
    pools: list[tuple[float, float, int]] = []  # mean, weight, how many
    shifts: list[float] = []
    shift = 0.0
    for number, spot in enumerate(row):
        if number:
            shift += (row[number - 1].box.width + spot.box.width) / 2 + GAP_X
        shifts.append(shift)
        mean, weight, count = wishes[number] - shift, spot.weight, 1
        while pools and pools[-1][0] >= mean:
            before, heft, many = pools.pop()
            mean = (before * heft + mean * weight) / (heft + weight)
            weight, count = heft + weight, many + count
        pools.append((mean, weight, count))
    places = [mean for mean, _, count in pools for _ in range(count)]
    for spot, place, moved in zip(row, places, shifts, strict=True):
        spot.box.x = place + moved


def _lines(boxes: Sequence[Box], chains: dict[tuple[int, int], list[_Spot]]) -> tuple[Line, ...]:
    """The edges; those that end in one box do so side by side, in the order from which they come."""
    lines = []
    for target, box in enumerate(boxes):
        comers = sorted(set(box.inputs), key=lambda source: chains[source, target][-2].box.x)
        for place, source in enumerate(comers):
            chain = chains[source, target]
            share = (place + 1) / (len(comers) + 1) - 0.5
            points = [(chain[0].box.x, chain[0].box.y + chain[0].box.height)]
            points += [(bend.box.x, bend.box.y) for bend in chain[1:-1]]
            points.append((box.x + share * min(box.width, 90.0), box.y))
            lines.append(Line(source, target, tuple(points)))
    return tuple(lines)


def _mean(values: list[float]) -> float | None:
    return sum(values) / len(values) if values else None
