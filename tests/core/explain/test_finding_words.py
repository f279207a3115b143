"""Every number in a finding's message is that of a recorded series at the steps that it names."""

import re
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from lockstep.core.explain.findings import Finding, Watcher
from lockstep.core.learning.report import Points

Series = dict[str, Points]
NUMBER = r"(-?[\d.]+(?:e[+-]\d+)?|inf|nan)"
LAYERS = ("0", "2", "4.0")
STEPS = 1200


def losses_of(random: np.random.Generator, steps: int) -> np.ndarray:
    """Falling, flat, growing without bounds, falling and coming back; some noisy, some with spikes."""
    slope = random.choice([-6.0, -1.0, 0.0, 0.02, 4.0, 90.0])
    line = np.linspace(0.0, slope, steps)
    if random.random() < 0.3:
        line = np.abs(line - line[-1] * random.uniform(0.2, 0.8)) - 2
    values: np.ndarray = np.exp(line + random.choice([0.0, 0.05, 0.5]) * random.standard_normal(steps))
    spikes = random.random(steps) < random.choice([0.0, 0.01])
    values[spikes] *= random.choice([10.0, 1e40])
    return values


def samples_of(random: np.random.Generator, kind: str) -> np.ndarray:
    if kind in ("dead_units", "saturated_units"):
        return np.clip(random.uniform(0, 1) + 0.1 * random.standard_normal(60), 0, 1)
    values: np.ndarray = np.exp(random.choice([0.0, -12.0]) + random.standard_normal(60))
    if random.random() < 0.3:
        values[-1] *= 1e5
    if random.random() < 0.2:
        values[:] = 0.0
    return values


def drawn(seed: int) -> Series:
    random = np.random.default_rng(seed)
    steps = int(random.choice([150, 400, STEPS]))
    series = {"loss": Points(steps=np.arange(steps, dtype=np.int64), values=losses_of(random, steps))}
    every = np.arange(60, dtype=np.int64) * (steps // 60)
    for kind in ("gradient_norm", "dead_units", "saturated_units"):
        for layer in LAYERS:
            series[f"{kind}.{layer}"] = Points(steps=every, values=samples_of(random, kind))
    ends = np.arange(1, 21, dtype=np.int64) * (steps // 20) - 1
    series["validation_loss"] = Points(steps=ends, values=losses_of(random, 20))
    return series


def found_in(series: Series, chunk: int) -> Iterator[tuple[Finding, Series]]:
    """Each finding as it is told, and what had come by then."""
    steps = len(series["loss"].steps)
    watcher = Watcher(steps)
    for start in range(0, steps, chunk):
        part = {}
        for name, points in series.items():
            inside = (points.steps >= start) & (points.steps < start + chunk)
            part[name] = Points(steps=points.steps[inside], values=points.values[inside])
        watcher.add(part)
        seen = {name: points.steps < start + chunk for name, points in series.items()}
        so_far = {
            name: Points(steps=points.steps[seen[name]], values=points.values[seen[name]])
            for name, points in series.items()
        }
        for found in watcher.new():
            yield found, so_far


def value_at(series: Series, name: str, step: str | int) -> float:
    points = series[name]
    (place,) = np.flatnonzero(points.steps == int(step))
    return float(points.values[place])


def same(said: str, value: float) -> bool:
    """Whether a text is the value's first three digits."""
    return said == f"{value:.3g}"


def told_loss(series: Series, text: str) -> bool:
    """What stands as "1.46 (the loss of step 9)" or "1.46 (the mean of steps 90 to 94)"."""
    match = re.fullmatch(rf"{NUMBER} \((?:the loss of step (\d+)|the mean of steps (\d+) to (\d+))\)", text)
    assert match, text
    number, step, first, end = match.groups()
    if step:
        return same(number, value_at(series, "loss", step))
    points = series["loss"]
    inside = (points.steps >= int(first)) & (points.steps <= int(end))
    assert np.count_nonzero(inside) == int(end) - int(first) + 1
    return same(number, float(np.mean(points.values[inside])))


LOSS = r"\S+ \([^)]*\)"


def check_vanishing(found: Finding, series: Series) -> bool:
    match = re.search(
        rf"at step (\d+) its norm is {NUMBER}, that of layer (\S+) behind it {NUMBER}", found.message
    )
    assert match
    step, own, other, behind = match.groups()
    assert LAYERS.index(other) > LAYERS.index(str(found.layer))
    assert (found.code == "no_gradient") == (float(own) == 0)
    return (
        int(step) == found.step
        and same(own, value_at(series, f"gradient_norm.{found.layer}", step))
        and same(behind.rstrip("."), value_at(series, f"gradient_norm.{other}", step))
    )


def check_exploding(found: Finding, series: Series) -> bool:
    match = re.search(
        rf"is {NUMBER} at step (\d+); the median of its samples from step (\d+) to (\d+) is {NUMBER}\. ",
        found.message,
    )
    assert match
    now, step, first, end, before = match.groups()
    points = series[f"gradient_norm.{found.layer}"]
    inside = (points.steps >= int(first)) & (points.steps <= int(end))
    return same(now, value_at(series, f"gradient_norm.{found.layer}", step)) and same(
        before, float(np.median(points.values[inside]))
    )


def check_share(found: Finding, series: Series) -> bool:
    match = re.search(
        r"^(\d+)% of the (?:units|outputs) of layer \S+ (?:give 0|lie) at step (\d+)", found.message
    )
    assert match
    return f"{value_at(series, f'{found.code}.{found.layer}', match[2]):.0%}" == f"{match[1]}%"


def check_divergence(found: Finding, series: Series) -> bool:
    match = re.search(rf"has grown to ({LOSS}); it was {NUMBER} at step (\d+)\. ", found.message)
    assert match
    assert same(match[2], float(series["loss"].values[: found.step + 1].min()))
    return told_loss(series, match[1]) and same(match[2], value_at(series, "loss", match[3]))


def check_plateau(found: Finding, series: Series) -> bool:
    match = re.search(rf"has come from ({LOSS}) to ({LOSS}), after ({LOSS})\. ", found.message)
    assert match
    return all(told_loss(series, text) for text in match.groups())


def check_overfitting(found: Finding, series: Series) -> bool:
    match = re.search(
        rf"was {NUMBER} at step (\d+) and is {NUMBER} at step (\d+), (\d+) epochs later, while the "
        rf"training loss has fallen from ({LOSS}) to ({LOSS})\. ",
        found.message,
    )
    assert match
    best, at, now, step, epochs, then, last = match.groups()
    points = series["validation_loss"]
    places = [int(np.flatnonzero(points.steps == int(each))[0]) for each in (at, step)]
    return (
        same(best, float(points.values.min()))
        and same(best, value_at(series, "validation_loss", at))
        and same(now, value_at(series, "validation_loss", step))
        and places[1] - places[0] == int(epochs)
        and told_loss(series, then)
        and told_loss(series, last)
        and float(last.split()[0]) <= float(then.split()[0])
    )


CHECKS: dict[str, Callable[[Finding, Series], bool]] = {
    "vanishing_gradients": check_vanishing,
    "no_gradient": check_vanishing,
    "exploding_gradients": check_exploding,
    "dead_units": check_share,
    "saturated_units": check_share,
    "divergence": check_divergence,
    "plateau": check_plateau,
    "overfitting": check_overfitting,
}


@pytest.mark.parametrize(("chunk", "seeds"), [(11, 25), (50, 50), (5000, 100)])
def test_each_number_is_what_it_is_said_to_be(chunk: int, seeds: int) -> None:
    told: dict[str, int] = dict.fromkeys(CHECKS, 0)
    for seed in range(seeds):
        for found, series in found_in(drawn(seed), chunk):
            told[found.code] += 1
            assert CHECKS[found.code](found, series), (seed, found)

    assert min(told.values()) > 0, told


def test_a_loss_that_only_grows_began_low() -> None:
    """It was 2 at step 0, though the median of the first five is far above that."""
    values = 2.0 * 10.0 ** np.arange(0.0, 60.0)
    series = {"loss": Points(steps=np.arange(60, dtype=np.int64), values=values)}
    ((found, _),) = found_in(series, 60)

    assert found.message.startswith(
        "The loss has grown to 2e+57 (the loss of step 57); it was 2 at step 0. Try a lower learning rate"
    )


def test_a_long_training_tells_means() -> None:
    values = np.concatenate([np.geomspace(2.0, 1.0, 500), np.geomspace(1.0, 30.0, 500)])
    series = {"loss": Points(steps=np.arange(1000, dtype=np.int64), values=values)}
    ((found, _),) = found_in(series, 1000)

    assert re.match(
        r"The loss has grown to \S+ \(the mean of steps 985 to 989\); it was 1 at step ", found.message
    )
