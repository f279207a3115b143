"""Every loss is whole, and what it says of itself is true of its arithmetic."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from lockstep.core.ground.words import IncompleteWord, Vocabulary
from lockstep.core.losses import LOSSES, Loss, LossSite, LossSpec, loss_of
from lockstep.core.losses.distances import Huber
from lockstep.core.losses.kinds import NEEDS
from tests.gradcheck import loss

FAR = 60.0
NUMBERS = np.array([-3.0, -1.0, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0, 7.5])
OF_NUMBERS = sorted(name for name in LOSSES if not loss_of(loss(name)).targets.are_classes)
OF_VALUES = sorted(name for name, kind in LOSSES.items() if kind.measured == "values")


def run(spec: LossSpec, output: np.ndarray, y: np.ndarray) -> tuple[float, np.ndarray]:
    """The undivided loss of `output` (rows, outputs), and its gradient."""
    kind = loss_of(spec)
    site = LossSite(
        dtype=output.dtype, calls=[], output=output, y=y, denominator=np.ones(()), total=np.zeros(()),
        gradient=np.full_like(output, np.nan),
    )  # fmt: skip
    kind.forward(site)
    kind.gradient(site)
    with np.errstate(all="ignore"):
        for call in site.calls:
            call()
    return float(site.total), site.gradient


def takes(spec: LossSpec, y: np.ndarray) -> bool:
    refusal = loss_of(spec).targets.refused(y)
    return refusal is None or not refusal.bad.any()


@pytest.mark.parametrize("need", NEEDS)
def test_a_loss_that_lacks_a_part_is_refused_by_name(need: str) -> None:
    parts = {name: inspect.getattr_static(Huber, name) for name in NEEDS if name != need}
    odd: type[Loss[Any]] = type("Odd", (Loss,), {"name": "odd", **parts})

    with pytest.raises(IncompleteWord, match=f'the loss "odd" is incomplete: give it `{need}`, ') as refused:
        Vocabulary("loss", NEEDS, [("odd", odd)])

    assert refused.value.missing == (need,)


@pytest.mark.parametrize("name", OF_VALUES)
def test_the_gradient_is_zero_where_the_outputs_say_the_targets(name: str) -> None:
    """What the metrics compare with the targets is what the loss drives towards them."""
    spec, outputs = loss(name), np.linspace(0.25, 2.5, 10).reshape(5, 2)
    targets = loss_of(spec).reading.amounts(outputs).copy()

    assert takes(spec, targets)
    words = f"its reading says {name} is least at other targets than it is: give it one that tells `amounts`"
    np.testing.assert_allclose(run(spec, outputs, targets)[1], 0.0, atol=1e-7, err_msg=words)
    assert np.abs(run(spec, outputs, targets + 0.1)[1]).min() > 1e-3


@pytest.mark.parametrize(
    "name", sorted(name for name in OF_NUMBERS if not loss_of(loss(name)).reading.of_logs)
)
def test_the_targets_that_it_takes_have_a_lowest_loss(name: str) -> None:
    """No output far out makes it ever smaller; of targets without that a training would run away."""
    spec = loss(name)
    outputs = np.linspace(-FAR, FAR, 241)
    near = np.abs(outputs) <= FAR / 2
    for y in NUMBERS[[takes(spec, y.reshape(1, 1)) for y in NUMBERS]]:
        values = np.array([run(spec, np.full((1, 1), z), np.full((1, 1), y))[0] for z in outputs])

        assert np.nanmin(values) > np.nanmin(values[near]) - 1e-6, (
            f"of the target {y:g} {name} has no lowest value: let its `targets` refuse it"
        )


@pytest.mark.parametrize("name", sorted(name for name in LOSSES if LOSSES[name].mixes))
def test_between_two_targets_that_mix_lies_a_target(name: str) -> None:
    spec = loss(name)
    taken = NUMBERS[[takes(spec, y.reshape(1, 1)) for y in NUMBERS]]

    assert len(taken) >= 2
    assert all(takes(spec, np.array([(a + b) / 2]).reshape(1, 1)) for a in taken for b in taken)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_it_takes_the_targets_of_the_data_that_fit(name: str) -> None:
    targets = loss_of(loss(name)).targets

    assert "two classes" not in targets.fit or takes(loss(name), np.array([[0.0], [1.0]]))
    assert "several classes" not in targets.fit or takes(loss(name), np.arange(9.0))
    assert "values" not in targets.fit or takes(loss(name), NUMBERS)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_it_tells_of_each_setting_that_has_a_number_for_each_class_or_output(name: str) -> None:
    fields = LOSSES[name].settings.model_fields.items()
    for key in [key for key, field in fields if "tuple" in str(field.annotation)]:
        weights = loss_of(loss(name, **{key: [1, 2, 0]})).weights

        assert weights
        assert (weights.key, weights.values) == (key, (1.0, 2.0, 0.0))


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_its_reading_goes_with_its_metrics(name: str) -> None:
    kind, outputs = loss_of(loss(name)), np.array([[0.3, -1.2], [np.nan, 0.1], [-0.4, 0.45]])
    read = kind.reading.read(outputs)

    assert set(read) <= {"probabilities", "labels"}
    assert ("labels" in read) == (kind.measured != "values")
    if "labels" in read and kind.reading.label_each:
        assert read["labels"].tolist() == [[1, 0], [-1, 1], [0, 1]]
    elif "labels" in read:
        assert read["labels"].tolist() == [0, -1, 1]
    if "probabilities" in read:
        assert read["probabilities"].shape == outputs.shape
