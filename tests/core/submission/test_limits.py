"""Each limit of a submission, at it and one beyond it."""

from typing import Any

import numpy as np
import pytest

from lockstep.core.data.augmentations import MAX_AUGMENTATIONS
from lockstep.core.data.spec import MAX_CLASSES, MAX_SIZE
from lockstep.core.ground.errors import SpecError
from lockstep.core.losses.kl_div import SUM_TOLERANCE
from lockstep.core.submission import parse_job
from lockstep.core.submission.check_data import FLOAT32_MAX
from lockstep.core.submission.check_formula import MAX_RECORDED
from lockstep.core.submission.check_model import MAX_PARAMETERS
from lockstep.core.submission.checks import MAX_STEPS
from lockstep.core.submission.problems import MAX_PROBLEMS
from tests.specs import DIGITS, LINE, changed, linear

MINIMIZE: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2",
    "start": {"x": 3},
    "optimizer": {"type": "sgd", "learning_rate": 0.1},
}
NOISE = {"type": "noise", "std": 1}
EPOCHS = 1_000_000
SHARDS = 64


def generated(size: int) -> dict[str, Any]:
    return changed(DIGITS, data={"generator": "moons", "size": size}, model=linear(2, 2))


def of_classes(classes: int) -> dict[str, Any]:
    data = {"generator": "blobs", "size": 2 * classes, "classes": classes}
    return changed(DIGITS, data=data, model=linear(2, classes))


def augmented(count: int) -> dict[str, Any]:
    return changed(DIGITS, data__augment=[NOISE] * count)


def of_parameters(count: int) -> dict[str, Any]:
    """A model whose last layer has a bias where there are so many more."""
    between, classes = 1_000_000, 48
    fewest = 2 * between + between * classes
    layers = [
        {"type": "linear", "in": 2, "out": between, "bias": False},
        {"type": "linear", "in": between, "out": classes, "bias": count > fewest},
    ]
    data = {"generator": "blobs", "size": 100, "classes": classes}
    return changed(DIGITS, data=data, model={"layers": layers}, batch_size=1)


def of_steps(count: int) -> dict[str, Any]:
    return changed(generated(count // EPOCHS), epochs=EPOCHS, batch_size=1)


def recording(steps: int) -> dict[str, Any]:
    return MINIMIZE | {"steps": steps}


def probabilities(total: float) -> dict[str, Any]:
    data = {"inline": {"x": [[1.0], [2.0]], "y": [[0.25, total - 0.25], [0.5, 0.5]]}}
    layers = [{"type": "linear", "in": 1, "out": 2}, {"type": "log_softmax"}]
    return changed(DIGITS, data=data, model={"layers": layers}, loss="kl_div")


def as_large_as(number: float) -> dict[str, Any]:
    return changed(LINE, data__inline__x=[1, number], dtype="float32")


def normalized(batch_size: int) -> dict[str, Any]:
    """Of a batch of 2 SHARDS rows no shard has a single one."""
    layers = [{"type": "batch_norm_1d", "num_features": 2}, {"type": "linear", "in": 2, "out": 2}]
    return changed(generated(8 * SHARDS), model={"layers": layers}, batch_size=batch_size, shards=SHARDS)


LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "rows": (generated(MAX_SIZE), generated(MAX_SIZE + 1), "/data/size", "out_of_range"),
    "a row of each class": (generated(2), generated(1), "/data/size", "too_few_rows"),
    "classes": (of_classes(MAX_CLASSES), of_classes(MAX_CLASSES + 1), "/data/classes", "out_of_range"),
    "two classes": (of_classes(2), of_classes(1), "/data/classes", "out_of_range"),
    "augmentations": (
        augmented(MAX_AUGMENTATIONS),
        augmented(MAX_AUGMENTATIONS + 1),
        "/data/augment",
        "too_long",
    ),
    "parameters": (
        of_parameters(MAX_PARAMETERS),
        of_parameters(MAX_PARAMETERS + 1),
        "/model/layers",
        "too_many_parameters",
    ),
    "steps": (of_steps(MAX_STEPS), of_steps(MAX_STEPS + EPOCHS), "/epochs", "too_many_steps"),
    "recorded": (
        recording(MAX_RECORDED // 3),
        recording(MAX_RECORDED // 3 + 1),
        "/steps",
        "too_many_steps",
    ),
    "probabilities": (
        probabilities(1 + 0.999 * SUM_TOLERANCE),
        probabilities(1 + 1.001 * SUM_TOLERANCE),
        "/data/inline/y/0",
        "not_a_distribution",
    ),
    "float32": (
        as_large_as(FLOAT32_MAX),
        as_large_as(float(np.nextafter(FLOAT32_MAX, np.inf))),
        "/data/inline/x/1",
        "too_large",
    ),
}
"""What is taken, what is not, where, and the code."""


@pytest.mark.parametrize(("taken", "refused", "pointer", "code"), LIMITS.values(), ids=LIMITS)
def test_a_limit_belongs_to_what_is_taken(
    taken: dict[str, Any], refused: dict[str, Any], pointer: str, code: str
) -> None:
    parse_job(taken)

    with pytest.raises(SpecError) as caught:
        parse_job(refused)

    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [(pointer, code)]


@pytest.mark.parametrize("count", [MAX_PROBLEMS - 1, MAX_PROBLEMS, MAX_PROBLEMS + 1])
def test_so_many_problems_are_told(count: int) -> None:
    with pytest.raises(SpecError) as caught:
        parse_job(changed(DIGITS, model__layers=[{"type": "x"}] * count))

    assert len(caught.value.problems) == min(count, MAX_PROBLEMS)


@pytest.mark.parametrize(("tries", "remedy"), [(3, "128"), (4, '"full"')])
def test_so_many_batch_sizes_are_tried_for_a_remedy(
    monkeypatch: pytest.MonkeyPatch, tries: int, remedy: str
) -> None:
    """One fewer than MAX_TRIES, then "full"; a real spec never has to try as many."""
    monkeypatch.setattr("lockstep.core.submission.check_batch_norm.MAX_TRIES", 4)
    with pytest.raises(SpecError) as caught:
        parse_job(normalized(2 * SHARDS - tries))

    (problem,) = caught.value.problems
    assert f'set "batch_size" to {remedy}' in problem.message
