"""Augmentations that do not fit."""

from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.submission import parse_spec
from tests.specs import DIGITS, changed

FLIP = {"type": "flip", "shape": [1, 8, 8]}
WRONG: list[tuple[list[Any], str, str, str]] = [
    ([FLIP, FLIP | {"shape": [3, 8, 8]}], "/1/shape", "wrong_shape", "64 numbers, got 3 * 8 * 8 = 192"),
    ([FLIP | {"shape": [8, 8]}], "/0/shape/2", "missing", "position 2"),
    ([FLIP | {"axis": "x"}], "/0/axis", "unknown_value", '"horizontal", "vertical"'),
    ([{"type": "shift", "pixels": 8, "shape": [1, 8, 8]}], "/0/pixels", "too_far", "smaller side, 8"),
    ([{"type": "noise"}], "/0/std", "missing", "the standard deviation"),
    ([{"type": "noise", "std": 0}], "/0/std", "out_of_range", "above 0"),
    ([{"type": "mix_up"}], "/0", "unknown_kind", 'did you mean "mixup"?'),
    (["noise"], "/0", "unknown_kind", '{"type": "noise"}'),
    ([{"type": "noise", "std": 1, "sigma": 2}], "/0/sigma", "unknown_key", "known: type, std"),
    ([FLIP] * 9, "", "too_long", "at most 8 entries"),
]


@pytest.mark.parametrize(("augment", "pointer", "code", "message"), WRONG)
def test_is_refused_with_its_place(augment: list[Any], pointer: str, code: str, message: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(DIGITS, data__augment=augment))

    (problem,) = caught.value.problems
    assert (problem.pointer, problem.code) == (f"/data/augment{pointer}", code)
    assert message in problem.message


def test_whole_numbers_are_not_mixed() -> None:
    layers = [
        {"type": "embedding", "num_embeddings": 20, "embedding_dim": 2},
        {"type": "flatten"},
        {"type": "linear", "in": 128, "out": 10},
    ]
    with pytest.raises(SpecError) as caught:
        parse_spec(changed(DIGITS, model__layers=layers, data__augment=[FLIP, {"type": "mixup"}]))

    assert ("/data/augment/1", "needs_real_numbers") in [(p.pointer, p.code) for p in caught.value.problems]


def test_what_fits_is_kept() -> None:
    spec = parse_spec(changed(DIGITS, data__augment=[FLIP, {"type": "noise", "std": 1}, {"type": "mixup"}]))

    assert [each.type for each in spec.data.augment] == ["flip", "noise", "mixup"]
    assert parse_spec(spec.model_dump(mode="json")) == spec
