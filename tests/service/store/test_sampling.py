"""Buckets tell what all their points are together, and show one point of each."""

import numpy as np
import pytest

from lockstep.core.learning.report import Points
from lockstep.service.store.sampling import Sampled, sample
from tests.stored_jobs import points

NUMBERS = np.random.default_rng(0)
STRANGE = np.array([np.nan, np.inf, -np.inf])
SERIES: dict[str, np.ndarray] = {
    "noise": NUMBERS.normal(size=5000),
    "noise of float32": NUMBERS.normal(size=5000).astype(np.float32),
    "one value": np.full(777, 0.1),
    "the largest numbers": np.where(NUMBERS.random(1001) < 0.5, 1.0, -1.0) * 1.7e308,
    "the smallest numbers": NUMBERS.integers(-3, 4, 1001) * 5e-324,
    "a few that are not finite": np.where(
        NUMBERS.random(2000) < 0.01, NUMBERS.choice(STRANGE, 2000), NUMBERS.normal(size=2000)
    ),
    "nothing that is finite": NUMBERS.choice(STRANGE, 1234),
}


def runs_of(whole: Points, found: Sampled) -> list[np.ndarray]:
    """The values of each bucket, by the numbers of points that the buckets tell."""
    assert found.buckets is not None
    return np.split(whole.values.astype(np.float64), np.cumsum(found.buckets.count)[:-1])


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 7, 10, 100, 999, 1000, 5000])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 99, 1000, 1001])
def test_so_many_in_order_with_both_ends(count: int, most: int) -> None:
    whole = points(5, *np.random.default_rng(count).normal(size=count))

    found = sample(whole, most)

    assert len(found.steps) == len(found.values) == min(most, count)
    assert np.all(np.diff(found.steps) > 0)
    assert found.steps[-1] == whole.steps[-1]
    assert found.values.tolist() == whole.values[found.steps - 5].tolist()
    if most > 1:
        assert found.steps[0] == 5
    assert (found.buckets is None) == (count <= most)


@pytest.mark.parametrize("most", [1, 2, 3, 60, 500, 776])
@pytest.mark.parametrize("name", SERIES)
def test_buckets_tell_least_greatest_and_mean_of_their_finite_values(name: str, most: int) -> None:
    whole = Points(steps=np.arange(len(SERIES[name])), values=SERIES[name])

    found = sample(whole, most)

    assert found.buckets is not None
    runs = runs_of(whole, found)
    assert max(map(len, runs)) - min(map(len, runs)) <= 1
    for i, run in enumerate(runs):
        finite = [float(value) for value in run if np.isfinite(value)]
        low, high, mean = (
            float(numbers[i]) for numbers in (found.buckets.min, found.buckets.max, found.buckets.mean)
        )
        if not finite:
            assert np.isnan([low, high, mean]).all()
            continue
        assert (low, high) == (min(finite), max(finite))
        assert low <= mean <= high
        exact = sum(value / len(finite) for value in finite)
        assert mean == pytest.approx(exact, rel=1e-12, abs=max(abs(low), abs(high)) * 1e-14 + 5e-322)


@pytest.mark.parametrize("name", SERIES)
def test_each_bucket_shows_a_point_of_its_own(name: str) -> None:
    whole = Points(steps=np.arange(len(SERIES[name])), values=SERIES[name])

    found = sample(whole, 60)

    assert found.buckets is not None
    ends = np.cumsum(found.buckets.count)
    assert np.all(found.steps < ends)
    assert np.all(found.steps >= ends - found.buckets.count)
    assert found.values.tobytes() == whole.values[found.steps].tobytes()


def test_peaks_and_values_that_are_not_finite_are_shown() -> None:
    values = np.sin(np.arange(10000) / 500)
    values[[1234, 4321]] = 50, -60
    values[[6000, 7000]] = np.inf, np.nan

    kept = sample(points(0, *values), 50).values

    assert {50.0, -60.0, np.inf} <= set(kept.tolist())
    assert np.isnan(kept).any()


def test_no_points_can_not_be_asked_for() -> None:
    with pytest.raises(ValueError, match="max_points=0"):
        sample(points(0, 1), 0)
