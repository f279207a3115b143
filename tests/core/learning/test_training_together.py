"""The promise: the number of members changes nothing that is learned."""

import contextlib
import secrets
import threading
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from lockstep.core.ground.errors import Diverged
from lockstep.core.group import Released
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.terms import SECRET_BYTES, GroupIdentity, GroupTerms, Timeouts
from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.learning.report import Points
from tests.core.learning.training_jobs import DIGITS, IMAGES, LINE, TOKENS, finished, training
from tests.ranks import run_ranks

pytestmark = pytest.mark.bits

QUICK = Timeouts(step_seconds=5.0, lead_seconds=10.0)
STEPS_ALONE = 5
WAIT_SECONDS = 20.0


class Meeting:
    """A lead that takes some steps alone and then waits for all its helpers, so that they join in mid-run."""

    def __init__(self, raw: dict[str, Any], helpers: int) -> None:
        self.raw = raw
        self.helpers = helpers
        self.joined = 0
        self.losses: list[str] = []
        self._opens = threading.Event()
        identity = GroupIdentity(
            job_id="job_1",
            attempt=1,
            secret=secrets.token_bytes(SECRET_BYTES),
            fingerprint="f",
            spec_sha256="s",
        )
        self._terms = GroupTerms(identity=identity, timeouts=QUICK, listen_host="127.0.0.1")
        self._lead = GroupLead(self._terms, helpers, self._note)

    def _note(self, kind: str, data: Mapping[str, str | int]) -> None:
        self.joined += kind == "member_joined"
        if kind == "member_left":
            self.losses.append(str(data["reason"]))

    def wait_for_helpers(self) -> None:
        """Let them come, and wait until all wait to be let in."""
        self._opens.set()
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self._lead.waiting) < self.helpers:
            assert time.monotonic() < deadline, "a helper did not come"
            time.sleep(0.001)

    def lead(self) -> str:
        trained = training(self.raw, self._lead)
        trained.advance(STEPS_ALONE)
        self.wait_for_helpers()
        while self.joined < self.helpers:
            trained.advance(1)
        outcome = finished(trained, 3).outcome()
        self._lead.close("done")
        return outcome.weights_sha256

    def follow(self, steps: int | None = None) -> str:
        """Train along to the end, or vanish without a word after so many steps."""
        assert self._opens.wait(WAIT_SECONDS)
        helper = GroupHelper.join(self._terms, self._lead.address)
        trained = training(self.raw, helper, Checkpoint.from_bytes(helper.state))
        try:
            if steps is not None:
                trained.advance(steps)
                return ""
            return finished(trained).outcome().weights_sha256
        except Released:
            return ""
        finally:
            helper.close("done")


SOME = DIGITS | {"epochs": 4}
WEIGHTED = {"type": "cross_entropy", "weight": [1, 2] * 5, "ignore_index": 3, "label_smoothing": 0.1}


@pytest.mark.parametrize("helpers", [1, 2, 4])
@pytest.mark.parametrize(
    "raw",
    [
        SOME,
        SOME | {"batch_size": 97},
        SOME | {"batch_size": 1003, "dtype": "float64", "shards": 16},
        SOME | {"loss": WEIGHTED},
        IMAGES | {"epochs": 3},
        TOKENS | {"epochs": 3},
    ],
    ids=["even", "a short last batch", "big batches", "weighted targets", "images", "tokens"],
)
def test_the_number_of_members_changes_no_bit(raw: dict[str, Any], helpers: int) -> None:
    alone = finished(training(raw)).outcome().weights_sha256
    meeting = Meeting(raw, helpers)

    digests = run_ranks([meeting.lead, *[meeting.follow] * helpers], seconds=40)

    assert meeting.joined == helpers
    assert set(digests) == {alone}


def test_what_joins_after_the_tree_is_the_same_for_all() -> None:
    raw = DIGITS | {
        "epochs": 25,
        "optimizer": {"type": "nadam"},
        "schedule": {"type": "reduce_on_plateau", "patience": 0, "threshold": 0.05, "warmup_steps": 9},
        "clip": {"norm": 0.5},
        "penalty": {"l1": 1e-4, "l2": 1e-3},
        "batch_size": 50,
        "accumulate": 3,
        "stop": {"restore_best": True},
    }
    alone = finished(training(raw)).outcome().weights_sha256
    meeting = Meeting(raw, 2)

    digests = run_ranks([meeting.lead, meeting.follow, meeting.follow], seconds=40)

    assert set(digests) == {alone}


def test_more_shards_than_rows() -> None:
    raw = LINE | {"shards": 8, "epochs": 300}
    alone = finished(training(raw)).outcome().weights_sha256
    meeting = Meeting(raw, 2)

    digests = run_ranks([meeting.lead, meeting.follow, meeting.follow], seconds=40)

    assert set(digests) == {alone}


def test_a_group_records_what_a_member_alone_records() -> None:
    raw = LINE | {"shards": 2, "epochs": 3000, "clip": {"norm": 0.5}, "penalty": {"l2": 1e-3}}
    alone = training(raw).advance(3000).series
    meeting = Meeting(raw, 1)
    parts: dict[str, list[Points]] = {}

    def lead() -> int:
        meeting.wait_for_helpers()
        trained = training(raw, meeting._lead)
        while not trained.finished:
            for name, points in trained.advance(1 if meeting.joined < 1 else 50).series.items():
                parts.setdefault(name, []).append(points)
        meeting._lead.close("done")
        return len(parts)

    def follow() -> int:
        helper = GroupHelper.join(meeting._terms, meeting._lead.address)
        trained = training(raw, helper, Checkpoint.from_bytes(helper.state))
        names: set[str] = set()
        with contextlib.suppress(Released):
            while not trained.finished:
                names |= trained.advance(50).series.keys()
        helper.close("done")
        return len(names - {"loss"})

    series, of_helper = run_ranks([lead, follow], seconds=40)

    assert meeting.joined == 1
    assert (series, of_helper) == (5, 0)
    for name, points in alone.items():
        again = Points.joined(parts[name])
        np.testing.assert_array_equal(again.steps, points.steps)
        np.testing.assert_array_equal(again.values, points.values)


def test_a_helper_that_leaves_changes_no_bit() -> None:
    alone = finished(training(SOME)).outcome().weights_sha256
    meeting = Meeting(SOME, 2)

    def leave_early() -> str:
        return meeting.follow(steps=20)

    digests = run_ranks([meeting.lead, meeting.follow, leave_early], seconds=40)

    assert len(meeting.losses) >= 1
    assert set(digests) == {alone, ""}


def test_all_members_see_a_divergence_at_the_same_step() -> None:
    # Epochs that outlast the calm steps, however long the helper takes to come in.
    raw = LINE | {"optimizer": {"type": "sgd", "learning_rate": 10}, "shards": 2, "epochs": 1_000_000}
    met = threading.Event()
    identity = GroupIdentity(
        job_id="job_1", attempt=1, secret=secrets.token_bytes(SECRET_BYTES), fingerprint="f", spec_sha256="s"
    )
    terms = GroupTerms(identity=identity, timeouts=QUICK, listen_host="127.0.0.1")
    lead = GroupLead(terms, 1, lambda *_: met.set())

    def diverge(group: GroupLead | GroupHelper, state: Checkpoint) -> tuple[int, type]:
        report = training(raw, group, state).advance(1000)
        group.close("it diverged")
        return report.step, type(report.failure)

    def as_lead() -> tuple[int, type]:
        # Steps that change nothing until the helper is in.
        calm = training(raw | {"optimizer": {"type": "sgd", "learning_rate": 1e-30}}, lead)
        while not met.is_set():
            calm.advance(1)
        return diverge(lead, calm.checkpoint())

    def as_helper() -> tuple[int, type]:
        helper = GroupHelper.join(terms, lead.address, lambda: False)
        return diverge(helper, Checkpoint.from_bytes(helper.state))

    first, second = run_ranks([as_lead, as_helper], seconds=20)

    assert first == second
    assert first[1] is Diverged
