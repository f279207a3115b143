"""What the points of a search say where it does not come to its goal, in plain words, with what to try.

Pure functions over what is remembered of it. The numbers of a message, "value = 2, x = 0 at step 7", stand so
in the series.
"""

from collections.abc import Callable

import numpy as np

from lockstep.core.explain import search_words as words
from lockstep.core.explain.findings import Code, Finding, Series
from lockstep.core.explain.past import Past
from lockstep.core.formulas.goal import has_goal
from lockstep.core.spec import MinimizeSpec, SolveSpec

GROWN = 1000.0
"""What should become small, as a multiple of what it was at first."""
LEAP = 0.9
"""The part of a growth that the last quarter of the points may bring; where it is more, it was one leap."""
LATELY, FEWEST = 32, 5
"""The last points that are looked at for a growth by themselves; the fewest points of one."""
FALLEN = 100.0
"""Value and unknowns as multiples of what they were at first, and of 1."""
LONG_FALL = 50
"""Points of a fall that is steady; one that becomes faster needs fewer."""
STEADY, FASTER = 0.9, 10.0
"""The fall of the later half of the points as a multiple of that of the earlier half."""
MAX_PERIOD, ROUNDS = 16, 4
"""The steps of the longest cycle; how often a cycle has to come round."""
SAME = 1e-6
"""How near a point of a cycle comes to the one a period before, as a share of the cycle's extent."""
WIDE = 0.05
"""The extent of a cycle as a share of the way from the start; without a goal, the least that counts."""
LONG = 100
"""Points without progress that are no chance."""
PROGRESS = 0.01
"""The gain of the later half of the points as a share of what is missing, or of all gain where nothing is."""
HARDLY = 1e-3
"""A move as a share of the place where it began."""
AS_STEEP = 0.99
"""The length of the gradient as a multiple of what it was at first."""
TURNS = 8
"""A value that turns round once in this many points, or more often, goes to and fro."""
AS_WIDE = 0.5
"""The range of the values of the later half of the points as a multiple of that of the earlier half."""
AS_FAR = 0.9
"""The largest distance from the target in the later half as a multiple of that in the earlier half."""
FAR = 0.1
"""The range of the last points as a share of the way from the start."""


def find(past: Past) -> Finding | None:
    """What keeps a search from its goal, as far as the points show; None where it is there, or on its way."""
    if past.first is None or past.is_met:
        return None
    looks: tuple[tuple[Code, Callable[[Past], str | None]], ...] = (
        ("growing", _growing),
        ("unbounded", _falling),
        ("cycling", _cycling),
        ("stalled", _resting),
        ("stalled", _creeping),
        ("wandering", _wandering),
    )
    for code, look in looks:
        message = look(past)
        if message is not None:
            return Finding(code=code, layer=None, step=int(past.last.steps[-1]), message=message)
    return None


class SearchWatcher:
    """Gathers the points of a search as they come, and tells each finding once."""

    def __init__(self, spec: MinimizeSpec | SolveSpec) -> None:
        self._past = Past(spec)
        self._known: set[Code] = set()

    def add(self, series: Series) -> None:
        """Take in what some steps have brought."""
        with np.errstate(all="ignore"):
            self._past.add(series)

    def new(self) -> list[Finding]:
        """The findings that were not told before."""
        with np.errstate(all="ignore"):
            found = find(self._past)
        if found is None or found.code in self._known:
            return []
        self._known.add(found.code)
        return [found]


def _growing(past: Past) -> str | None:
    """What should become small grows by orders of magnitude, and not by one leap."""
    assert past.first is not None  # noqa: S101 - `find` has asked
    first = float(past.missed(past.first.values)[0])
    lows, highs = past.misses.low, past.misses.high
    recent = past.missed(past.last.values[-LATELY:])
    if isinstance(past.spec, SolveSpec):
        # Newton's leaps are followed by a slow way back: where it grows for good, its low points rise too.
        grows = _rises(_quarters(lows, np.min), first) or _rises(_quarters(recent, np.min), first)
    else:
        scale = max(abs(first), first - float(lows.min()))
        grows = any(_rises(_quarters(part, np.max) - first, scale) for part in (highs, recent))
    is_at_its_height = past.missed(past.last.values).max() >= past.misses.highest().key
    return words.growing(past) if grows and is_at_its_height else None


def _quarters(values: np.ndarray, extreme: Callable[[np.ndarray], float]) -> np.ndarray:
    """An extreme of each quarter of the values; empty where there are too few."""
    if len(values) < FEWEST:
        return np.empty(0)
    return np.array([extreme(part) for part in np.array_split(values, 4)])


def _rises(levels: np.ndarray, scale: float) -> bool:
    """Whether the levels of four quarters rise from one to the next, to GROWN times `scale`, in no leap."""
    if not len(levels) or not scale > 0:
        return False
    growth = np.log(np.maximum(levels, scale) / scale)
    return bool(
        np.all(np.diff(growth) > 0)
        and growth[-1] >= np.log(GROWN)
        and growth[-1] - growth[-2] <= LEAP * (growth[-1] - growth[0])
    )


def _falling(past: Past) -> str | None:
    """A value to be minimized falls far below 0, its unknowns go far away, and it does not become slower."""
    spec = past.spec
    if isinstance(spec, SolveSpec) or spec.stop.value_below is not None or past.misses.count < FEWEST:
        return None
    assert past.first is not None  # noqa: S101 - `find` has asked
    first, now = float(past.first.values[0]), float(past.last.values[-1])
    gone = np.abs(past.last.points[-1]) >= FALLEN * np.maximum(np.abs(past.start), 1.0)
    if now > past.misses.lowest().key or now > -FALLEN * max(abs(first), 1.0) or not gone.any():
        return None
    lows = past.misses.low
    middle = float(lows[: len(lows) // 2].min())
    pace = (middle - now) / (first - middle) if middle < first else np.inf
    if pace < (STEADY if past.misses.count >= LONG_FALL else FASTER):
        return None
    return words.falling(past, int(np.argmax(gone)))


def _cycling(past: Past) -> str | None:
    """The last points are those of some steps ago, again and again."""
    columns = np.column_stack([past.last.values, past.last.points])
    for period in range(1, MAX_PERIOD + 1):
        rows = columns[-(ROUNDS + 1) * period :]
        if len(rows) < (ROUNDS + 1) * period:
            return None
        extent, size = np.ptp(rows, axis=0), np.abs(rows).max(axis=0)
        apart = np.abs(rows[period:] - rows[:-period]).max(axis=0)
        if np.all(apart <= SAME * extent + past.rounding * size):
            is_wide = extent[1:] > past.rounding * size[1:]
            if not has_goal(past.spec):
                is_wide &= extent[1:] >= WIDE * np.abs(rows[:, 1:] - past.start).max(axis=0)
            return words.cycling(past, period) if period > 1 and is_wide.any() else None
    return None


def _resting(past: Past) -> str | None:
    """No unknown moves, but for its rounding."""
    if not past.rests:
        return None
    if has_goal(past.spec):
        return words.resting(past)
    if np.all(np.abs(past.last.points[-1] - past.start) <= past.rounding * np.abs(past.start)):
        return words.never_moved(past)
    low, high = past.misses.lowest(), past.misses.highest()
    is_lost = past.last.values[-1] - low.key > PROGRESS * (high.key - low.key)
    return words.lost(past) if is_lost else None


def _creeping(past: Past) -> str | None:
    """The later half of the points has brought next to nothing, and they go one way."""
    assert past.first is not None  # noqa: S101 - `find` has asked
    if past.misses.count < LONG or _goes_to_and_fro(past):
        return None
    if has_goal(past.spec):
        is_stuck = _lies_still(past) and not _makes_progress(past)
        return words.creeping(past) if is_stuck else None
    moved = np.abs(past.last.points[-1] - past.start) > HARDLY * np.abs(past.start)
    is_flatter = past.last.norms[-1] < AS_STEEP * past.first.norms[0]
    return None if moved.any() or is_flatter or past.first.steps[0] else words.hardly_moved(past)


def _goes_to_and_fro(past: Past) -> bool:
    """Whether the value of the last points turns round often."""
    ways = np.sign(np.diff(past.last.values))
    ways = ways[ways != 0]
    return int(np.count_nonzero(np.diff(ways))) * TURNS >= len(past.last)


def _lies_still(past: Past) -> bool:
    """Whether the last points differ by next to nothing of what each rule looks at."""
    spec, last = past.spec, past.last
    missing = past.missed(last.values)
    if isinstance(spec, SolveSpec):
        return bool(np.ptp(missing) <= PROGRESS * missing.min())
    below, norm_below = spec.stop.value_below, spec.stop.gradient_norm_below
    value = below is None or np.ptp(missing) <= PROGRESS * (missing.min() - below)
    norm = norm_below is None or np.ptp(last.norms) <= PROGRESS * last.norms.min()
    return bool(value and norm)


def _makes_progress(past: Past) -> bool:
    """Whether the later half of the points is nearer to a goal than the earlier half, by PROGRESS or more."""
    spec, misses, norms = past.spec, past.misses, past.norms
    if isinstance(spec, SolveSpec):
        return _gain(misses.low) >= PROGRESS * misses.lowest().key
    below, norm_below = spec.stop.value_below, spec.stop.gradient_norm_below
    if below is not None and _gain(misses.low) >= PROGRESS * (misses.lowest().key - below):
        return True
    if norm_below is None:
        return False
    # On its way downhill a gradient may grow for long: what the value gains counts too.
    whole = misses.highest().key - misses.lowest().key
    return _gain(norms.low) >= PROGRESS * norms.lowest().key or _gain(misses.low) > PROGRESS * whole


def _gain(lows: np.ndarray) -> float:
    """How much lower the later half of the blocks comes than the earlier half; 0 where it does not."""
    half = len(lows) // 2
    return max(float(lows[:half].min() - lows[half:].min()), 0.0)


def _wandering(past: Past) -> str | None:
    """The points go to and fro, far and wide, and come no nearer."""
    if past.misses.count < LONG or not _goes_to_and_fro(past):
        return None
    low, high = past.misses.low, past.misses.high
    half = len(low) // 2
    if isinstance(past.spec, SolveSpec):
        # One that hits on a nearer point by chance wanders all the same.
        wanders = not _makes_progress(past) or high[half:].max() >= AS_FAR * high[:half].max()
    elif has_goal(past.spec):
        wanders = not _makes_progress(past)
    else:
        earlier, later = (float(np.ptp([low[part].min(), high[part].max()])) for part in _halves(half))
        whole = past.misses.highest().key - past.misses.lowest().key
        is_far = past.last.spread > FAR * np.abs(past.last.points - past.start).max(axis=0)
        wanders = later >= AS_WIDE * max(earlier, whole) and _gain(low) < PROGRESS * whole and is_far.any()
    return words.wandering(past) if wanders else None


def _halves(half: int) -> tuple[slice, slice]:
    return slice(half), slice(half, None)
