"""Steps that run straight through, and products that update the weights: the same bits as step by step."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from core import updating
from core.blas import SHORT, Vectors, product_added
from core.group import Work
from core.group.solo import SoloGroup
from core.ops.base import WeightProduct
from core.straight import PATIENCE
from core.training import Training
from tests.core.training_jobs import DIGITS, IMAGES, LINE, TOKENS, training

STEPS = 3 * PATIENCE


class GroupOfOne:
    """A group of one of another kind, so that nothing is known of what happens between the steps."""

    rank = 0
    world_size = 1
    generation = 0

    def __init__(self) -> None:
        self._solo = SoloGroup()

    def all_reduce(self, work: Work, out: np.ndarray, *, admits: bool) -> None:
        self._solo.all_reduce(work, out, admits=admits)

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
    monkeypatch.setattr(updating, "_adds_alike", lambda *_: False)
    refused = numbers(training(JOBS["wide"]), STEPS)
    monkeypatch.undo()

    assert refused == numbers(training(JOBS["wide"]), STEPS)


def factors(rows: int, inputs: int, outputs: int, seed: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.standard_normal((rows, inputs)).astype(dtype).T, random.standard_normal(
        (rows, outputs)
    ).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [16, 64, 100, 256, 384, 500, 1000])
@pytest.mark.parametrize("sizes", [(784, 256), (256, 128), (128, 10), (64, 32), (301, 257)])
def test_what_the_probe_finds_holds_for_other_numbers(sizes: tuple[int, int], rows: int, dtype: str) -> None:
    a, b = factors(rows, *sizes, seed=1, dtype=dtype)
    flat = np.random.default_rng(2).standard_normal(sizes[0] * sizes[1]).astype(dtype)
    gradient, rate = np.zeros_like(flat), np.array(-0.3, dtype)
    out = gradient.reshape(sizes)
    alike = updating._adds_alike(WeightProduct(0, a, b, out), max(flat.size, SHORT))
    added = product_added(rate, a, b, (updated := flat.copy()).reshape(sizes))
    assert added is not None

    added()
    np.dot(a, b, out)
    for call in Vectors(flat.size, flat.dtype).axpy(rate, gradient, flat, np.empty_like(flat)):
        call()

    np.testing.assert_allclose(updated, flat, rtol=0, atol=1e-3 if dtype == "float32" else 1e-12)
    if alike:
        assert updated.tobytes() == flat.tobytes()


def test_some_products_update_and_some_do_not() -> None:
    """On the kernels at hand; else this file would test nothing."""
    verdicts = {
        updating._adds_alike(
            WeightProduct(0, *factors(rows, 784, 256, 0, "float32"), np.zeros((784, 256), "f4")), 9999
        )
        for rows in (64, 2000)
    }

    assert verdicts == {True, False}
