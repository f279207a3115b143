"""Thinning keeps the ends and the peaks."""

import numpy as np
import pytest

from service.store.sampling import sample
from tests.stored_jobs import points


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 7, 10, 100, 999, 1000, 5000])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 99, 1000, 1001])
def test_at_most_so_many_in_order_with_both_ends(count: int, most: int) -> None:
    whole = points(5, *np.random.default_rng(count).normal(size=count))
    found = sample(whole, most)
    assert len(found.steps) == len(found.values) <= max(most, 1)
    assert np.all(np.diff(found.steps) > 0)
    assert found.steps[-1] == whole.steps[-1]
    assert found.values.tolist() == whole.values[found.steps - 5].tolist()
    if most > 1:
        assert found.steps[0] == 5
    if count <= most:
        assert found.steps.tolist() == whole.steps.tolist()


def test_peaks_and_values_that_are_not_finite_survive() -> None:
    values = np.sin(np.arange(10000) / 500)
    values[[1234, 4321]] = 50, -60
    values[[6000, 7000]] = np.inf, np.nan
    kept = sample(points(0, *values), 50).values
    assert {50.0, -60.0, np.inf} <= set(kept.tolist())
    assert np.isnan(kept).any()


def test_no_points_can_not_be_asked_for() -> None:
    with pytest.raises(ValueError, match="max_points=0"):
        sample(points(0, 1), 0)
