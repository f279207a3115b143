"""Parts of a campaign against real services, on each database; `make chaos` goes on for longer."""

import os
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import pytest

from lockstep.service.store.migrating import migrate
from tests.chaos.ledger.__main__ import Campaign
from tests.chaos.ledger.evidence import read_evidence
from tests.chaos.ledger.faults import FAULTS, MIXES, POSTGRESQL_FAULTS, draw
from tests.chaos.ledger.figures import Tally, percentile, tally
from tests.chaos.ledger.full_disk import DISK_BYTES, fill_at_a_checkpoint
from tests.chaos.ledger.recording import read_history
from tests.chaos.test_checker import RECORDED
from tests.databases import find_postgresql
from tests.full_disks import small_disk
from tests.local_service import ROOT, descendants_of

SECONDS = 30


@pytest.mark.timeout(330)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_whatever_dies_no_job_is_lost_no_step_doubled_and_the_bits_are_the_same(
    dialect: str, tmp_path: Path
) -> None:
    """About 50 s on a quiet machine. The command starts processes that end with its main thread."""
    if dialect == "postgresql" and find_postgresql() is None and not os.environ.get("CI"):
        pytest.skip("PostgreSQL is not installed")
    options = ["--parts", "1", "--seconds", str(SECONDS), "--mix", "all", "--database", dialect]
    command = [sys.executable, "-m", "tests.chaos.ledger", *options, "--seed", "7", "--folder", str(tmp_path)]

    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=320, check=False)

    assert run.returncode == 0, f"{run.stdout}\n{run.stderr[-5000:]}"
    assert "wrong: none" in run.stdout
    assert not [line for line in descendants_of(os.getpid()).values() if str(tmp_path) in line]
    campaign = Campaign(folder=tmp_path)
    campaign.load()
    assert campaign.next_part == 1
    assert sum(campaign.tallies[dialect].hit.values()) > 0


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_each_fault_of_a_mix_comes_early_and_the_same_seed_brings_the_same(mix: str, dialect: str) -> None:
    wanted = {name for name in MIXES[mix] if dialect == "postgresql" or name not in POSTGRESQL_FAULTS}

    planned = list(islice(draw(mix, Random(3), dialect), 40)) if wanted else []

    assert {each.name for each in planned[: len(wanted)]} == wanted
    assert planned == (list(islice(draw(mix, Random(3), dialect), 40)) if wanted else [])
    assert [each.at for each in planned] == sorted(each.at for each in planned)


def test_the_mix_of_all_has_every_fault() -> None:
    assert set(MIXES["all"]) == set(FAULTS)


def test_a_campaign_goes_on_where_it_stopped(tmp_path: Path) -> None:
    campaign = Campaign(folder=tmp_path, next_part=3, wrong=["part 2: something"])
    campaign.tallies["sqlite"] = tally(read_evidence(read_history(RECORDED)))
    campaign.save()

    found = Campaign(folder=tmp_path)
    found.load()

    assert (found.next_part, found.wrong) == (3, ["part 2: something"])
    assert found.tallies["sqlite"].jobs == campaign.tallies["sqlite"].jobs
    assert found.tallies["sqlite"].hit == campaign.tallies["sqlite"].hit


def test_hits_are_what_was_met_and_sums_are_kept_apart_from_times() -> None:
    evidence = read_evidence(read_history(RECORDED))
    found = tally(evidence)
    for line in evidence.others["fault"]:
        line.update(job=None, held=[])  # type: ignore[attr-defined]  # they are dicts, to be planted in
    struck_nobody = tally(evidence)

    assert 0 < sum(found.hit.values()) <= sum(found.injected.values())
    assert struck_nobody.injected == found.injected
    assert sum(struck_nobody.hit.values()) < sum(found.hit.values())
    both = Tally()
    both.add(found)
    both.add(found)
    assert both.jobs == Counter({name: 2 * count for name, count in found.jobs.items()})
    assert len(both.seconds["POST"]) == 2 * len(found.seconds["POST"])


def test_percentiles() -> None:
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile(range(1, 101), 0.99) == 100


@pytest.mark.parametrize("room_bytes", [0, 50_000, 250_000, 400_000])
def test_a_job_goes_on_wherever_in_its_checkpoint_the_disk_is_full(room_bytes: int, tmp_path: Path) -> None:
    """`python -m tests.chaos.ledger.full_disk` tries three hundred rooms."""
    migrated = tmp_path / "migrated.db"
    migrate(f"sqlite:///{migrated}")
    folder = tmp_path / "small"
    folder.mkdir()

    with small_disk(folder, DISK_BYTES):
        ended = fill_at_a_checkpoint(folder, migrated, room_bytes)

    assert ended in ("queued", "succeeded", "running")
    assert room_bytes > 0 or ended != "succeeded"
