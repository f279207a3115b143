"""Whatever fails at whatever failpoint, a job ends as if nothing had; and each point is struck.

`python -m tests.chaos.points` strikes at each reach of a point, not at the first and the last alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.points.campaign import POINTS, Campaign, bench_at, every_step_is_reported
from tests.chaos.points.stories import STORIES
from tests.chaos.points.striking import Deed


@pytest.fixture
def campaign(sqlite_url: str) -> Iterator[Campaign]:
    """Stories are told to a SQLite database of the test's own."""
    bench = bench_at(sqlite_url)
    with every_step_is_reported():
        yield Campaign(bench, sqlite_url)
    bench.database.dispose()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", STORIES)
@pytest.mark.parametrize("deed", ["die", "fail"])
def test_whatever_is_struck_the_end_is_the_same(campaign: Campaign, name: str, deed: Deed) -> None:
    for point in sorted(campaign.reached(name)):
        campaign.sample(name, point, deed)

    assert campaign.told.wrong == []
    assert {point for point, _ in campaign.told.struck} == set(campaign.reached(name))


def test_each_point_is_reached_by_a_story(campaign: Campaign) -> None:
    reached = {point for name in STORIES for point in campaign.reached(name)}

    assert set(POINTS) - reached == set()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "point"),
    [
        ("formula", "store: a transaction is to be committed"),
        ("posted", "store: a transaction is committed, and nobody has heard of it"),
    ],
)
def test_a_process_that_is_gone_for_real(campaign: Campaign, name: str, point: str) -> None:
    campaign.reached(name)
    campaign.tell(name, point, 1, "exit")

    assert campaign.told.wrong == []
    assert campaign.told.struck[point, "exit"] == 1
