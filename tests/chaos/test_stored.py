"""A seeded part of the campaign on stored bytes, and that its judge finds what would be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockstep.service.store import history_chunks, specs
from tests.chaos.stored.campaign import Tally, run
from tests.chaos.stored.damaging import BLOBS, CHECKPOINTS, HISTORY, SPEC, TARGETS

pytestmark = pytest.mark.timeout(120)
ROUNDS = 150


def told(tally: Tally, what: str) -> int:
    return tally.rounds[what, "told"]


def test_nothing_damaged_is_used_and_no_job_is_lost(tmp_path: Path) -> None:
    tally = run(tmp_path, 2, range(ROUNDS))

    assert tally.faults == []
    assert sum(tally.rounds.values()) == ROUNDS
    for what in (CHECKPOINTS, BLOBS, HISTORY, SPEC):
        assert told(tally, what) > 0, what


@pytest.mark.parametrize(
    ("what", "module", "name"),
    [(HISTORY, history_chunks, "_check_sum"), (SPEC, specs, "is_unchanged")],
    ids=["checksums of histories", "hashes of specs"],
)
def test_without_a_check_the_judge_finds_what_was_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, module: object, name: str
) -> None:
    monkeypatch.setattr(module, name, lambda *_: True)
    monkeypatch.setattr("tests.chaos.stored.damaging.TARGETS", [each for each in TARGETS if each[0] == what])

    tally = run(tmp_path, 3, range(80, 120))

    assert tally.faults, what
