"""A campaign of faults against groups, until each failpoint was struck; `make chaos-groups` is longer."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from lockstep.core.ground.failpoints import Failpoint, failpoints
from lockstep.core.group import points
from lockstep.core.group.partition import SMALL_BYTES
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.dividing import MIN_DIVIDED_NUMBERS
from tests.chaos.group.faults import DEEDS, TRANSPORTS, Struck, draw, side_of
from tests.chaos.group.jobs import SPECS, job

ROOT = Path(__file__).parents[2]
POINTS = failpoints("group")


@pytest.mark.timeout(640)
def test_whatever_fails_at_whatever_point_the_job_ends_with_one_digest_and_leaves_nothing() -> None:
    """About two minutes on a quiet machine. The command forks, so it has a process of its own."""
    command = [
        sys.executable,
        "-m",
        "tests.chaos.group",
        "--runs",
        "200",
        "--seconds",
        "300",
        "--until-struck",
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=630, check=False)
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr[-5000:]}"
    assert "wrong: none" in run.stdout


def test_each_point_that_the_group_declares_is_known_to_the_campaign() -> None:
    declared = {value.name for value in vars(points).values() if isinstance(value, Failpoint)}
    assert set(POINTS) == declared


def test_what_has_struck_least_strikes_next() -> None:
    random = Random(0)
    drawn: Struck = Counter()
    transports = set()
    for number in range(120):
        plan = draw(number, random, POINTS, drawn)
        assert all(side_of(fault.point) != "helper" for fault in plan.lead)
        transports.add(plan.transports)
        faults = [*plan.lead, *(fault for fault in plan.helpers if fault is not None)]
        assert all(side_of(fault.point) != "lead" for fault in plan.helpers if fault is not None)
        for fault in faults:
            drawn[fault.point, fault.deed] += 1
    assert {pair for pair in drawn if drawn[pair]} == {(point, deed) for point in POINTS for deed in DEEDS}
    assert transports == set(TRANSPORTS)


def test_the_jobs_go_each_way_that_numbers_can_go() -> None:
    """Adam writes three numbers for each weight."""
    sizes = {}
    for name in SPECS:
        training = job(name).training(SoloGroup())
        sizes[name] = training.parameters.flat.size
    assert 4 * sizes["small"] < SMALL_BYTES < 4 * sizes["large"]
    assert 3 * sizes["large"] < MIN_DIVIDED_NUMBERS <= 3 * sizes["divided"]
