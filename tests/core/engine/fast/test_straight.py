"""Steps that run straight through, and products that update the weights: the same bits as step by step."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.fast import adding
from lockstep.core.engine.fast.adding import PATIENCE
from lockstep.core.engine.fast.straight import StraightSteps
from lockstep.core.group import DividedUpdate, Work
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.training import Training
from tests.core.learning.training_jobs import DIGITS, IMAGES, LINE, TOKENS, training

pytestmark = pytest.mark.bits

STEPS = 3 * PATIENCE


class GroupOfOne:
    """A group of one of another kind, so that nothing is known of what happens between the steps."""

    rank = 0
    world_size = 1
    generation = 0

    def __init__(self) -> None:
        self._solo = SoloGroup()

    def all_reduce(
        self, work: Work, out: np.ndarray, *, admits: bool, update: DividedUpdate | None = None
    ) -> bool:
        return self._solo.all_reduce(work, out, admits=admits, update=update)

    def welcome(self, state: Callable[[], bytes]) -> None: ...

    def close(self, reason: str) -> None: ...


def layers(*widths: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for inputs, outputs in pairwise(widths):
        found += [{"type": "linear", "in": inputs, "out": outputs}, {"type": "relu"}]
    return {"layers": found[:-1]}


BASE = DIGITS | {"data": {"builtin": "digits", "standardize": True}, "epochs": 2000, "shards": 1}
SGD = {"type": "sgd", "learning_rate": 0.05}
JOBS: dict[str, dict[str, Any]] = {
    "a chain": BASE | {"model": layers(64, 32, 10), "optimizer": SGD},
    "few parameters": BASE | {"model": layers(64, 10), "optimizer": SGD},
    "wide": BASE | {"model": layers(64, 256, 128, 10), "optimizer": SGD, "batch_size": 128},
    "wide, float64": BASE | {"model": layers(64, 256, 10), "optimizer": SGD, "dtype": "float64"},
    "tall": BASE | {"model": layers(64, 256, 10), "optimizer": SGD, "batch_size": "full"},
    "a short last batch": BASE | {"model": layers(64, 256, 10), "optimizer": SGD, "batch_size": 599},
    "momentum": BASE | {"model": layers(64, 256, 10), "optimizer": SGD | {"momentum": 0.9}},
    "adam": BASE | {"model": layers(64, 256, 10)},
    "dropout": BASE
    | {"model": {"layers": [{"type": "dropout"}, *layers(64, 32, 10)["layers"]]}, "optimizer": SGD},
    "images": IMAGES | {"epochs": 50, "shards": 1, "optimizer": SGD},
    "tokens": TOKENS | {"epochs": 50, "shards": 1, "optimizer": SGD},
    "a formula": LINE | {"data": {"generator": "line", "size": 100}, "batch_size": 30, "epochs": 500},
    "noise": BASE | {"data": BASE["data"] | {"augment": [{"type": "noise", "std": 0.1}]}, "optimizer": SGD},
}


def numbers(trained: Training, steps: int) -> dict[str, bytes]:
    """All that came of some steps, and what is left after them."""
    report = trained.advance(steps)
    found = {name: np.asarray(points.values).tobytes() for name, points in report.series.items()}
    checkpoint = trained.checkpoint()
    found |= {f"optimizer {name}": array.tobytes() for name, array in checkpoint.optimizer.items()}
    return found | {"weights": checkpoint.parameters.tobytes(), "failure": repr(report.failure).encode()}


@pytest.mark.parametrize("name", JOBS)
def test_straight_steps_have_the_bits_of_steps_one_by_one(name: str) -> None:
    straight, plain = training(JOBS[name]), training(JOBS[name], GroupOfOne())

    assert numbers(straight, STEPS) == numbers(plain, STEPS)
    assert numbers(straight, 7) == numbers(plain, 7)


@pytest.mark.parametrize("name", ["a chain", "wide", "adam"])
def test_a_loss_that_is_not_finite_updates_nothing(name: str) -> None:
    job = JOBS[name]
    job = job | {"optimizer": job["optimizer"] | {"learning_rate": 1e6}, "epochs": 2000}
    straight, plain = training(job), training(job, GroupOfOne())
    for trained in (straight, plain):
        trained.advance(PATIENCE + 1)
    straight.parameters.flat[:] = plain.parameters.flat[:] = np.float32(3e38)

    assert numbers(straight, 9) == numbers(plain, 9)
    assert b"Diverged" in numbers(straight, 1)["failure"]
    assert set(straight.parameters.flat.tolist()) == {float(np.float32(3e38))}


def test_a_gradient_that_is_asked_for_is_there() -> None:
    straight, plain = training(JOBS["wide"]), training(JOBS["wide"], GroupOfOne())
    for trained in (straight, plain):
        trained.advance(STEPS)

    for name, gradient in plain.gradients().items():
        assert straight.gradients()[name].tobytes() == gradient.tobytes()


def test_without_a_probe_that_says_so_no_product_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "_which_update", lambda *_: ())
    refused = numbers(training(JOBS["wide"]), STEPS)
    monkeypatch.undo()

    assert refused == numbers(training(JOBS["wide"]), STEPS)


OTHERS: dict[str, dict[str, Any]] = {
    "shards": {"shards": 2},
    "pieces": {"accumulate": 2},
    "a schedule": {"schedule": {"type": "exponential", "gamma": 0.9}},
    "limits": {"clip": {"norm": 1.0}},
    "a penalty": {"penalty": {"l2": 0.1}},
    "moments": {
        "model": {
            "layers": [{"type": "batch_norm_1d", "num_features": 64}, {"type": "linear", "in": 64, "out": 10}]
        }
    },
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS.keys())
def test_where_something_happens_between_gradient_and_update_steps_are_not_straight(
    changes: dict[str, Any],
) -> None:
    assert training(JOBS["a chain"])._whole_steps is not None
    assert training(JOBS["a chain"] | changes)._whole_steps is None


def test_steps_of_a_group_or_with_steep_places_are_not_straight() -> None:
    steep = LINE | {"model": {"expression": "sqrt(a*x) + b", "parameters": {"a": 4, "b": 1}}}

    assert training(JOBS["a chain"], GroupOfOne())._whole_steps is None
    assert training(LINE)._whole_steps is not None
    assert training(steep)._whole_steps is None


@pytest.mark.parametrize(
    "changes",
    [{"optimizer": SGD | {"momentum": 0.9}}, {"optimizer": {"type": "adam"}}],
    ids=["momentum", "adam"],
)
def test_no_product_updates_where_more_than_the_rate_moves_the_weights(changes: dict[str, Any]) -> None:
    plain, other = (training(job)._whole_steps for job in (JOBS["wide"], JOBS["wide"] | changes))

    assert isinstance(plain, StraightSteps)
    assert isinstance(other, StraightSteps)
    assert plain._rate is not None
    assert other._rate is None


def test_weights_too_many_to_probe_are_updated_the_ordinary_way(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = numbers(training(JOBS["wide"]), STEPS)
    monkeypatch.setattr(adding, "MAX_PROBED", 0)
    monkeypatch.setattr(adding, "_Trial", lambda *_, **__: pytest.fail("nothing is to be probed"))
    adding._which_update.cache_clear()
    try:
        assert numbers(training(JOBS["wide"]), STEPS) == expected
    finally:
        adding._which_update.cache_clear()
