"""The sentences about searches: what was seen, with numbers of the series, and what to try."""

import numpy as np

from lockstep.core.explain.past import Past, PointRows
from lockstep.core.spec import SolveSpec

MAX_SHOWN = 3
"""Unknowns whose numbers a sentence tells."""
HIDDEN = 0.01
"""What rounding may take from a number, as a share of its distance from the target."""


def growing(past: Past) -> str:
    """What should become small grows."""
    highest = past.misses.highest()
    seen = f"value = {_value(past, highest.value)} at step {highest.step}, after {_first(past)}"
    if isinstance(past.spec, SolveSpec):
        target = _number(past.spec.target)
        return f"The value goes away from the target, {target}: {seen}. {_elsewhere(past.spec)}"
    return f"The value grows: {seen}. Try a lower optimizer.learning_rate, or another start."


def falling(past: Past, unknown: int) -> str:
    """A value falls without bound; one of the unknowns that go far away."""
    place = _told(past, past.last, -1, unknowns=[unknown])
    return (
        f"The value falls without bound: {place}, after {_first(past)}, and it falls as fast as before. The "
        "objective may have no minimum: try another one, or stop.value_below; where its minimum is only far "
        "away, more steps or a higher optimizer.learning_rate."
    )


def cycling(past: Past, period: int) -> str:
    """The points come round again."""
    values = past.last.values[-period:]
    points = past.last.points[-period:]
    widest = int(np.argmax(np.ptp(points, axis=0)))
    one, other = sorted({int(np.argmin(points[:, widest])), int(np.argmax(points[:, widest]))})
    seen = " and ".join(_told(past, past.last, place - len(values)) for place in (one, other))
    what = f"The same {period} points come again and again: {seen}, and so on"
    if isinstance(past.spec, SolveSpec):
        return f"{what}; the target is {_number(past.spec.target)}. {_elsewhere(past.spec)}"
    remedy = "a lower optimizer.learning_rate, a schedule that lowers it, or another start"
    return f"{what}. Try {remedy}{_rules(past)}."


def resting(past: Past) -> str:
    """Nothing moves, and the goal is not reached."""
    place = _told(past, past.last, -1, slopes=True)
    spec = past.spec
    if not isinstance(spec, SolveSpec):
        return (
            f"Nothing changes any more: {place}. Try another start, or a higher optimizer.learning_rate"
            f"{_rules(past)}."
        )
    what = f"Nothing changes any more: {place}; the target is {_number(spec.target)}"
    if not spec.refresh_gradient:
        why = "A step by the slope of the start is too small to move anything there"
        return f"{what}. {why}. Try refresh_gradient true, or a larger tolerance."
    wider = ', or dtype "float64"' if spec.dtype == "float32" else ""
    return f"{what}, and {spec.dtype} knows no nearer value. Try a larger tolerance{wider}."


def never_moved(past: Past) -> str:
    """Nothing has moved since the start."""
    return (
        f"Nothing has moved since the start: {_told(past, past.last, -1, slopes=True)}. It is flat there, or "
        "a step is too small to change the unknowns. Try another start, or a higher optimizer.learning_rate."
    )


def lost(past: Past) -> str:
    """Nothing moves, at a worse place than before."""
    lowest = past.misses.lowest()
    return (
        f"Nothing changes any more: {_told(past, past.last, -1, slopes=True)}. It is flat there, though the "
        f"lowest was value = {_value(past, lowest.value)} at step {lowest.step}. Try a lower "
        "optimizer.learning_rate, or another start."
    )


def creeping(past: Past) -> str:
    """What moves is next to nothing, and the goal is not reached."""
    what = f"Hardly anything changes: {_told(past, past.last, 0)}, and {_told(past, past.last, -1)}"
    if isinstance(past.spec, SolveSpec):
        return f"{what}; the target is {_number(past.spec.target)}. {_elsewhere(past.spec)}"
    return f"{what}. Try a higher optimizer.learning_rate, more steps, or another start{_rules(past)}."


def hardly_moved(past: Past) -> str:
    """What has moved is next to nothing."""
    return (
        f"Hardly anything has changed: {_first(past)}, and {_told(past, past.last, -1, slopes=True)}. Try a "
        "higher optimizer.learning_rate, or more steps."
    )


def wandering(past: Past) -> str:
    """The points go to and fro."""
    lowest = past.misses.lowest()
    best = f"value = {_value(past, lowest.value)} at step {lowest.step}"
    now = _told(past, past.last, -1)
    if isinstance(past.spec, SolveSpec):
        what = f"The value goes to and fro and comes no nearer to the target, {_number(past.spec.target)}"
        return f"{what}: {now}, and the nearest was {best}. {_elsewhere(past.spec)}"
    return (
        f"The value goes to and fro and comes no lower: {now}, and the lowest was {best}. Try a lower "
        f"optimizer.learning_rate, or a schedule that lowers it{_rules(past)}."
    )


def _elsewhere(spec: SolveSpec) -> str:
    """What to try where a value can't be given."""
    tries = [] if spec.refresh_gradient else ["refresh_gradient true"]
    tries.append("another start")
    if len(spec.unknowns) > 1:
        tries.append("fewer names in solve_for")
    tries.append("a target that the expression can have")
    return f"Try {', '.join(tries[:-1])}, or {tries[-1]}."


def _rules(past: Past) -> str:
    """What to try with the stop rules of a minimization."""
    if isinstance(past.spec, SolveSpec):
        return ""
    stop = past.spec.stop
    return "".join(
        f"; or a higher stop.{name} (it is {_number(rule)})"
        for name, rule in (
            ("value_below", stop.value_below),
            ("gradient_norm_below", stop.gradient_norm_below),
        )
        if rule is not None
    )


def _first(past: Past) -> str:
    assert past.first is not None  # noqa: S101 - there is something to tell
    return _told(past, past.first, 0)


def _told(
    past: Past, rows: PointRows, place: int, *, slopes: bool = False, unknowns: list[int] | None = None
) -> str:
    """A point: "value = 2, x = 0 at step 7"; with its slopes, or with some unknowns alone."""
    shown = list(range(len(past.names)))[:MAX_SHOWN] if unknowns is None else unknowns
    numbers = [(past.names[unknown], rows.points[place, unknown]) for unknown in shown]
    if slopes:
        numbers += [(f"grad.{past.names[unknown]}", rows.slopes[place, unknown]) for unknown in shown]
    texts = [f"value = {_value(past, float(rows.values[place]))}"]
    texts += [f"{name} = {_number(float(number))}" for name, number in numbers]
    return f"{', '.join(texts)} at step {int(rows.steps[place])}"


def _value(past: Past, value: float) -> str:
    return _number(value, past.spec.target if isinstance(past.spec, SolveSpec) else None)


def _number(number: float, unlike: float | None = None) -> str:
    """Six digits; or all of them where six would hide how far the number is from another."""
    short = f"{number + 0.0:.6g}"  # no minus before a 0
    if unlike is None or abs(float(short) - number) < HIDDEN * abs(number - unlike):
        return short
    return repr(number)
