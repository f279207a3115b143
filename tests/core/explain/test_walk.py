"""The walk: every intermediate of the tutorial cases, and sums that are the training's own gradients."""

import json
from typing import Any

import numpy as np
import pytest

from lockstep.core.explain.replay import NotReached, ReplayRun
from lockstep.core.explain.sample import SamplePlace, Target, pass_sample
from lockstep.core.explain.walk import walk
from lockstep.core.model.expression import expression_graph
from lockstep.core.model.graph import Graph
from lockstep.core.model.parameters import Parameters
from lockstep.core.spec import ExpressionModel
from lockstep.core.submission import parse_job, resolve
from tests.core.learning.training_jobs import DIGITS, LINE, resolved, training
from tests.gradcheck import loss

pytestmark = pytest.mark.bits


def walked(text: str, start: dict[str, float], x: float, y: float, name: str = "sse") -> dict[str, Any]:
    graph: Graph = expression_graph(ExpressionModel(expression=text, parameters=start), 1)
    parameters = Parameters(graph, np.dtype(np.float64))
    parameters.initialize(0)
    target = Target(y=np.array([[y]]), loss=loss(name))
    return walk(pass_sample(parameters, SamplePlace(x=np.array([[x]]), target=target)))


def paths(found: dict[str, Any]) -> list[tuple[str, str, float, float, float]]:
    """From, to, what came in, the local derivative, what goes out."""
    return [
        (step["name"], each["name"], step["gradient"], each["derivative"]["value"], each["gradient"])
        for step in found["backward"]
        for each in step["inputs"]
    ]


def test_the_error_of_a_product() -> None:
    found = walked("w*x", {"w": 1}, x=2, y=4)

    values = {step["name"]: step["value"] for step in found["forward"]}
    assert values == {"x": 2, "w": 1, "ŷ": 2, "y": 4, "r": -2, "loss": 4}
    assert paths(found) == [("loss", "r", 1, -4, -4), ("r", "ŷ", -4, 1, -4), ("ŷ", "w", -4, 2, -8)]
    assert found["backward"][2]["inputs"][0]["rule"] == ("∂loss/∂w = ∂loss/∂ŷ × ∂ŷ/∂w = -4 × 2 = -8")
    assert found["backward"][2]["inputs"][0]["derivative"]["formula"] == "∂ŷ/∂w = x"
    assert (found["loss"], found["gradients"]) == (4, {"w": -8})


def test_the_error_of_a_line() -> None:
    found = walked("w*x + b", {"w": 1, "b": 2}, x=1, y=2)

    assert found["loss"] == 1
    assert found["gradients"] == {"w": 2, "b": 2}
    assert ("w*x", "w", 2, 1, 2) in paths(found)


def test_paths_that_meet_are_added() -> None:
    found = walked("w*w*x + w", {"w": 3}, x=2, y=0, name="mae")

    into_w = [gradient for _, name, _, _, gradient in paths(found) if name == "w"]
    assert sorted(into_w) == [1, 6, 6]
    assert found["gradients"] == {"w": 13}


@pytest.mark.parametrize("name", ["mse", "huber", "binary_cross_entropy", "hinge"])
def test_a_loss_of_one_step_starts_with_its_own_slope(name: str) -> None:
    found = walked("w*x", {"w": 0.5}, x=0.6, y=1, name=name)
    step = 1e-6
    above, below = (walked("w*x", {"w": 0.5 + d}, x=0.6, y=1, name=name)["loss"] for d in (step, -step))

    assert found["gradients"]["w"] == pytest.approx((above - below) / (2 * step), rel=1e-6)


DROPOUT: dict[str, Any] = json.loads(json.dumps(DIGITS))
DROPOUT["model"]["layers"].insert(2, {"type": "dropout", "p": 0.3})
DROPOUT["model"]["layers"].insert(1, {"type": "batch_norm_1d", "num_features": 16})


def replayed(raw: dict[str, Any], step: int) -> ReplayRun:
    replay = ReplayRun(resolve(parse_job(raw), lambda: 0), step)
    while not replay.done:
        replay.advance(5)
    return replay


@pytest.mark.parametrize("raw", [DIGITS, DROPOUT])
def test_a_replay_has_the_bits_of_the_training(raw: dict[str, Any]) -> None:
    original = training(raw)
    original.advance(4)
    checkpoint = original.checkpoint()
    original.advance(3)
    gradients = original.gradients()

    from_start = replayed(raw, 7).gradients()
    from_checkpoint = ReplayRun(resolved(raw), 7, checkpoint)
    from_checkpoint.advance(9)

    for name, gradient in gradients.items():
        np.testing.assert_array_equal(from_start[name], gradient)
        np.testing.assert_array_equal(from_checkpoint.gradients()[name], gradient)


def test_the_samples_walks_add_up_to_the_batchs_gradient() -> None:
    replay = replayed(DIGITS, 3)
    mean = np.mean([replay.walk(sample)["gradients"]["2.bias"] for sample in range(100)], axis=0)

    np.testing.assert_allclose(mean, replay.gradients()["2.bias"], rtol=1e-5, atol=1e-8)


def test_large_arrays_are_told_by_their_norm() -> None:
    step = replayed(DIGITS, 0).walk(1)["forward"]
    weight = next(each["value"] for each in step if each["name"] == "0.weight")

    assert weight["shape"] == [16, 64]
    assert weight["min"] < 0 < weight["max"] < weight["norm"]


def test_a_formula_is_walked_too() -> None:
    spec = {"kind": "minimize", "objective": "x**2", "start": {"x": 1.2}, "steps": 9}
    replay = replayed(spec | {"optimizer": {"type": "sgd", "learning_rate": 0.3}}, 1)

    found = replay.walk(0)
    assert found["loss"] == pytest.approx(0.48**2)
    assert found["gradients"] == {"x": pytest.approx(0.96)}
    assert replay.gradients() == {"x": pytest.approx(0.96)}


def test_a_step_that_never_came_is_refused() -> None:
    with pytest.raises(NotReached, match="ended at 1000"):
        replayed(LINE, 1001)
