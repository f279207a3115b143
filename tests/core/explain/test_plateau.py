"""A loss that stands still: a plateau while it is high, a training that has done its work once it is low."""

import numpy as np
import pytest

from lockstep.core.explain.findings import find
from lockstep.core.learning.report import Points


def standing_at(share: float) -> Points:
    """A loss that falls from 2 to this share of it and stays there."""
    values = np.concatenate([np.geomspace(2.0, 2.0 * share, 20), np.full(80, 2.0 * share)])
    return Points(steps=np.arange(100, dtype=np.int64), values=values)


@pytest.mark.parametrize("share", [0.35, 0.5, 0.95])
def test_a_high_loss_that_stands_still_is_a_plateau(share: float) -> None:
    assert [found.code for found in find({"loss": standing_at(share)})] == ["plateau"]


@pytest.mark.parametrize("share", [0.25, 0.1, 0.06])
def test_a_loss_that_fell_to_a_quarter_and_stays_there_is_no_plateau(share: float) -> None:
    assert list(find({"loss": standing_at(share)})) == []
