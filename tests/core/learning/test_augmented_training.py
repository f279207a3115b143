"""Augmented jobs keep the promise: the number of members changes nothing that is learned."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.learning.checkpoint import Checkpoint
from lockstep.core.losses import loss_of
from lockstep.core.losses.cross_entropy import CrossEntropyLoss
from lockstep.core.losses.mixed import append_mixed
from lockstep.core.losses.site import LossSite
from tests.core.learning.test_training_together import Meeting
from tests.core.learning.training_jobs import DIGITS, finished, training
from tests.ranks import run_ranks

pytestmark = pytest.mark.bits

IMAGE = {"shape": [1, 8, 8]}
ALL = [
    {"type": "noise", "std": 0.1},
    {"type": "flip", **IMAGE},
    {"type": "shift", "pixels": 1, **IMAGE},
    {"type": "mixup", "alpha": 0.4},
]
AUGMENTED: dict[str, Any] = DIGITS | {"epochs": 12, "data": DIGITS["data"] | {"augment": ALL}}


@pytest.mark.parametrize("helpers", [1, 2])
def test_the_number_of_members_changes_no_bit(helpers: int) -> None:
    alone = finished(training(AUGMENTED)).outcome().weights_sha256
    meeting = Meeting(AUGMENTED, helpers)

    digests = run_ranks([meeting.lead, *[meeting.follow] * helpers], seconds=40)

    assert meeting.joined == helpers
    assert set(digests) == {alone}


@pytest.mark.parametrize("batch_size", [100, "full"])
def test_a_resumed_job_ends_with_the_same_bits(batch_size: int | str) -> None:
    raw = AUGMENTED | {"batch_size": batch_size}
    whole = finished(training(raw)).outcome().weights_sha256
    half = training(raw)
    half.advance(7)

    resumed = training(raw, checkpoint=Checkpoint.from_bytes(half.checkpoint().to_bytes()))

    assert finished(resumed).outcome().weights_sha256 == whole


@pytest.mark.parametrize("augmentation", ALL, ids=lambda each: each["type"])
def test_each_changes_what_is_learned(augmentation: dict[str, Any]) -> None:
    plain = finished(training(DIGITS)).outcome().weights_sha256
    raw = DIGITS | {"data": DIGITS["data"] | {"augment": [augmentation]}}

    assert finished(training(raw)).outcome().weights_sha256 != plain


def test_the_loss_of_mixed_classes() -> None:
    random = np.random.default_rng(0)
    z, first, other = random.normal(size=(6, 3)), np.array([0, 1, 2, 0, 1, 2]), np.array([2, 2, 1, 0, 0, 1])
    loss = CrossEntropyLoss(type="cross_entropy")
    kind = loss_of(loss)
    site = LossSite(
        dtype=np.dtype(np.float64),
        calls=[],
        output=np.asfortranarray(z),
        y=first,
        denominator=np.array(6.0),
        total=np.zeros(()),
        gradient=np.zeros_like(np.asfortranarray(z)),
    )
    kind.forward(site)
    kind.gradient(site)
    mixing = append_mixed(kind, site)
    mixing.other_y[:], mixing.share[()] = other, 0.7
    for call in site.calls:
        call()

    shares = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    targets = 0.7 * np.eye(3)[first] + 0.3 * np.eye(3)[other]
    np.testing.assert_allclose(site.total, -(targets * np.log(shares)).sum())
    np.testing.assert_allclose(site.gradient, (shares - targets) / 6)
