"""What crosses keys: each part of a spec is well formed, but they do not fit together."""

from typing import Any

import pytest

from lockstep.core.ground.errors import SpecError
from lockstep.core.spec import TrainSpec
from lockstep.core.submission import parse_spec
from lockstep.core.submission.checks import check
from tests.specs import DIGITS, LINE, changed, linear

D, L = DIGITS, LINE
MOONS = changed(D, data={"generator": "moons"}, model=linear(2, 2))
CURVE = changed(D, data={"generator": "line"}, model=linear(1, 1), loss="mse")


def inline(x: list[Any], y: list[Any], **changes: Any) -> dict[str, Any]:
    return changed(D, data={"inline": {"x": x, "y": y}}, **changes)


WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    (
        changed(D, model=linear(63, 10)),
        "/model/layers/0/in",
        "width_mismatch",
        "the data has 64 columns, got 63",
    ),
    (
        changed(CURVE, model=linear(2, 1)),
        "/model/layers/0/in",
        "width_mismatch",
        "the data has 1 column, got 2",
    ),
    (
        changed(D, model__layers__2__in=31),
        "/model/layers/2/in",
        "width_mismatch",
        'layer "1" gives 32 numbers',
    ),
    (
        changed(D, model__layers=[linear(64, 8)["layers"], [linear(8, 12)["layers"]]]),
        "/model/layers/1/0/0/out",
        "output_mismatch",
        "10 outputs, because the data has 10 classes, got 12",
    ),
    (changed(D, model__layers=[{"type": "relu"}]), "/model/layers", "nothing_to_learn", "add a linear layer"),
    (changed(D, model=linear(64, 800_000, 10)), "/model/layers", "too_many_parameters", "at most 50000000"),
    (
        changed(D, model__initial_weights={"1.weight": 1}),
        "/model/initial_weights/1.weight",
        "unknown_parameter",
        "0.weight, 0.bias, 2.weight",
    ),
    (
        changed(D, model__initial_weights={"0.bias": [1]}),
        "/model/initial_weights/0.bias",
        "wrong_shape",
        "(32,), got (1,)",
    ),
    (
        changed(D, model__initial_weights={"2.weight": [[1] * 10] * 32}),
        "/model/initial_weights/2.weight",
        "wrong_shape",
        "(10, 32), got (32, 10)",
    ),
    (
        changed(D, model__initial_weights={"2.bias": [1e39] * 10}),
        "/model/initial_weights/2.bias",
        "too_large",
        "float32",
    ),
    (
        changed(L, model__expression="a*x + c + b"),
        "/model/expression",
        "inputs_mismatch",
        "1 column, got 2 (c, x)",
    ),
    (changed(L, model__expression="a*b"), "/model/expression", "inputs_mismatch", "got 0 (none)"),
    (changed(L, model__expression="a*x"), "/model/parameters/b", "unused_parameter", "take it out"),
    (changed(L, model__expression="a*x^2+b"), "/model/expression", "bad_expression", "column 4: ^"),
    (changed(L, model__parameters={"a": 1, "e": 1}), "/model/parameters/e", "reserved_name", 'as in "e1"'),
    (
        changed(L, model__parameters={"a": 1, "epoch_x": 1}),
        "/model/parameters/epoch_x",
        "reserved_name",
        'as in "my_epoch_x"',
    ),
    (changed(L, model__parameters={"a": 1, "for": 1}), "/model/parameters/for", "reserved_name", "Python"),
    *(
        (
            changed(L, model__parameters={"a": 1, name: 1}),
            f"/model/parameters/{name}",
            "reserved_name",
            "history",
        )
        for name in ("loss", "learning_rate", "epoch_loss", "train_loss", "validation_r2")
    ),
    (changed(L, dtype="float32", model__parameters__a=1e39), "/model/parameters/a", "too_large", "float64"),
    (changed(L, data__inline__y=[[1, 2], [3, 4]]), "/model/expression", "output_mismatch", "one number"),
    (
        changed(L, loss="cross_entropy", data__inline__y=[0, 1]),
        "/model/expression",
        "output_mismatch",
        "take binary_cross_entropy",
    ),
    (changed(D, loss="mse"), "/loss", "loss_mismatch", "digits has 10 classes"),
    (changed(MOONS, loss="mse"), "/model/layers/0/out", "output_mismatch", "1 output, because mse"),
    (changed(CURVE, loss="cross_entropy"), "/loss", "loss_mismatch", "line has no classes"),
    (changed(CURVE, loss="binary_cross_entropy"), "/loss", "loss_mismatch", "line has no classes"),
    (changed(MOONS, data__classes=3), "/data/classes", "fixed_classes", "always has 2 classes"),
    (changed(CURVE, data__classes=3), "/data/classes", "fixed_classes", "values, not classes"),
    (
        changed(MOONS, data={"generator": "blobs", "classes": 9, "size": 8}, model=linear(2, 9)),
        "/data/size",
        "too_few_rows",
        "at least 9 rows",
    ),
    (
        changed(D, data__test_fraction=0.6, data__validation_fraction=0.5),
        "/data/test_fraction",
        "nothing_to_train_on",
        "lower test_fraction or validation_fraction",
    ),
    (
        changed(L, data__validation_fraction=0.9),
        "/data/validation_fraction",
        "nothing_to_train_on",
        "2 rows, of which",
    ),
    (changed(L, data__inline__x=[1, 2, 3]), "/data/inline/y", "unequal_lengths", "as in x, 3, got 2"),
    (inline([1, 2], [0, -1], model=linear(1, 2)), "/data/inline/y/1", "not_a_class_number", "got -1"),
    (inline([1, 2], [[0], [0.5]], model=linear(1, 2)), "/data/inline/y/1/0", "not_a_class_number", "got 0.5"),
    (
        inline([1, 2], [[0, 1], [1, 0]], model=linear(1, 2)),
        "/data/inline/y",
        "not_class_numbers",
        "2 for [0, 0, 1]",
    ),
    (
        inline([1, 2], [1, 2], model=linear(1, 2)),
        "/model/layers/0/out",
        "output_mismatch",
        "go up to 2, got 2",
    ),
    (
        inline([1, 2], [0, 0], model=linear(1, 1)),
        "/model/layers/0/out",
        "output_mismatch",
        "two classes or more",
    ),
    (
        inline([1, 2], [0, 1e18], model=linear(1, 2)),
        "/model/layers/0/out",
        "output_mismatch",
        "1000001 outputs",
    ),
    (
        inline([1, 2], [0, 1.5], model=linear(1, 1), loss="binary_cross_entropy"),
        "/data/inline/y/1",
        "not_a_probability",
        "got 1.5",
    ),
    (inline([1e39, 2], [0, 1], model=linear(1, 2)), "/data/inline/x/0", "too_large", "got 1e+39"),
    (
        changed(D, optimizer={"type": "sgd", "nesterov": True}),
        "/optimizer/nesterov",
        "needs_momentum",
        "set momentum",
    ),
    (changed(D, epochs=10**6, batch_size=1), "/epochs", "too_many_steps", "1438000000"),
    (changed(D, shards=12), "/shards", "not_a_power_of_two", "take 8 or 16"),
    (
        changed(D, workers=2),
        "/workers",
        "too_few_shards",
        'default for batches of this size), got 2; set "shards" to 2',
    ),
    (
        changed(D, workers=3, shards=2),
        "/workers",
        "too_few_shards",
        'set "shards" to 4, or "workers" to at most 2',
    ),
]


@pytest.mark.parametrize(("raw", "pointer", "code", "words"), WRONG)
def test_the_misfit_is_named(raw: dict[str, Any], pointer: str, code: str, words: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(raw)
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [(pointer, code)]
    assert words in caught.value.problems[0].message


FINE: list[dict[str, Any]] = [
    D,
    L,
    MOONS,
    CURVE,
    changed(MOONS, model=linear(2, 1), loss="binary_cross_entropy"),
    changed(MOONS, model=linear(2, 1), loss="mse"),
    changed(MOONS, data={"generator": "spiral", "classes": 5}, model=linear(2, 5)),
    changed(MOONS, data={"generator": "blobs"}, model=linear(2, 3)),
    changed(D, data={"builtin": "diabetes"}, model=linear(10, 1), loss="huber"),
    changed(D, model__initial_weights={"2.bias": [0] * 10}),
    changed(D, workers=2, shards=2),
    changed(D, workers=2, batch_size=128),
    changed(D, workers=64, shards=64),
    inline([[1, 2], [3, 4]], [0, 1], model=linear(2, 7)),
    inline([[1, 2], [3, 4]], [[0], [2.0]], model=linear(2, 3)),
    inline([1, 2], [[0, 1], [1, 0.5]], model=linear(1, 2), loss="binary_cross_entropy"),
    inline([1, 2], [[0, 1], [1, 5]], model=linear(1, 2), loss="mae"),
    inline([1e39, 2], [0, 1], model=linear(1, 2), dtype="float64"),
    changed(
        L,
        data={"inline": {"x": [[1, 2]], "y": [3]}},
        model={"expression": "w*x1 + x0", "parameters": {"w": 1}},
    ),
    changed(
        L,
        data={"generator": "xor"},
        model={"expression": "w*x*y", "parameters": {"w": 1}},
        loss="binary_cross_entropy",
    ),
    changed(D, stop={"patience": 500}),
]


@pytest.mark.parametrize("raw", FINE)
def test_what_fits_passes(raw: dict[str, Any]) -> None:
    assert check(parse_spec(raw)) == ()


def test_several_misfits_are_all_named() -> None:
    spec = TrainSpec.model_validate(changed(D, data={"builtin": "diabetes"}, shards=3, workers=5))
    assert [problem.pointer for problem in check(spec)] == [
        "/model/layers/0/in",
        "/loss",
        "/shards",
        "/workers",
    ]


def test_an_expression_is_not_evaluated() -> None:
    parse_spec(changed(L, model__expression="a*x + b + 1/0 + ln(0-1) + 9**9**9**9"))
