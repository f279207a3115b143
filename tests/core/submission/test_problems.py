"""What a user reads who wrote a spec wrongly: where, which code, which words."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from lockstep.core.ground.errors import Problem, SpecError
from lockstep.core.spec import TrainSpec
from lockstep.core.submission import parse_spec, problems_of
from tests.effort import calls_of
from tests.specs import DIGITS, LINE, REMOVED, changed, linear

D, L = DIGITS, LINE
LR = "learning_rate"


def problems(raw: object) -> tuple[Problem, ...]:
    with pytest.raises(SpecError) as caught:
        parse_spec(raw)
    return caught.value.problems


WRONG: list[tuple[object, str, str, str]] = [
    (None, "", "wrong_type", 'expected an object such as {"model"'),
    ([], "", "wrong_type", "got an empty list"),
    ("x", "", "wrong_type", 'got the text "x"'),
    (changed(D, kind="solve"), "/kind", "unknown_value", 'write "train"'),
    (changed(D, optimizer=REMOVED), "/optimizer", "missing", "got nothing; add it"),
    (changed(D, epochs="20"), "/epochs", "wrong_type", "write it without quotes"),
    (changed(D, epochs=0), "/epochs", "out_of_range", "at least 1, got 0"),
    (changed(D, epochs=1.5), "/epochs", "wrong_type", "a whole number, got 1.5"),
    (changed(D, epochs=True), "/epochs", "wrong_type", "a whole number, got true"),
    (changed(D, epochs=None), "/epochs", "wrong_type", "leave the key out"),
    (changed(D, epochs=10**400), "/epochs", "out_of_range", "more than 30 digits"),
    (changed(D, lr=0.1), "/lr", "unknown_key", f'write "{LR}" inside "optimizer"'),
    (changed(D, batchSize=3), "/batchSize", "unknown_key", 'did you mean "batch_size"?'),
    ({**D, "<list>": 1}, "/<list>", "unknown_key", "take it out"),
    (changed(D, optimizer="adam"), "/optimizer", "unknown_kind", 'write {"type": "adam"}'),
    (changed(D, optimizer={"name": "adam"}), "/optimizer", "unknown_kind", 'add "type", one of sgd, adam'),
    (changed(D, optimizer={"type": "Adam"}), "/optimizer", "unknown_kind", 'did you mean "adam"?'),
    (changed(D, optimizer={"type": "ftrl"}), "/optimizer", "unknown_kind", "there are sgd, adam"),
    (changed(D, optimizer__lr=1), "/optimizer/lr", "unknown_key", f'did you mean "{LR}"?'),
    (changed(D, optimizer__learning_rate=-1), f"/optimizer/{LR}", "out_of_range", "above 0, got -1"),
    (changed(D, optimizer__learning_rate=float("nan")), f"/optimizer/{LR}", "wrong_type", "finite number"),
    (changed(D, optimizer__betas=[0.9]), "/optimizer/betas/1", "missing", "position 1"),
    (changed(D, optimizer__betas=0.9), "/optimizer/betas", "wrong_type", "put it in brackets"),
    (changed(D, loss="categorical_crossentropy"), "/loss", "unknown_kind", 'did you mean "cross_entropy"?'),
    (changed(D, loss=3), "/loss", "unknown_kind", "one of mse"),
    (changed(D, loss={"type": "huber", "delta": 0}), "/loss/delta", "out_of_range", "above 0"),
    (changed(D, loss={"type": "mse", "delta": 1}), "/loss/delta", "unknown_key", "known: type"),
    (changed(D, model=linear(64, 10)["layers"]), "/model", "unknown_kind", 'put the list under "layers"'),
    (changed(D, model={**linear(64, 10), "expression": "x"}), "/model/expression", "unknown_key", "got both"),
    (changed(D, model__layers=[]), "/model/layers", "too_short", "at least 1 entry, got 0"),
    (changed(D, model__layers={}), "/model/layers", "wrong_type", "expected a list"),
    (changed(D, model__layers__1="ReLU"), "/model/layers/1", "unknown_kind", 'write {"type": "relu"}'),
    (
        changed(D, model__layers__1={"type": "Dense"}),
        "/model/layers/1",
        "unknown_kind",
        'did you mean "linear"',
    ),
    (
        changed(D, model__layers__1=[[{"type": "x"}]]),
        "/model/layers/1/0/0",
        "unknown_kind",
        "there are linear",
    ),
    (changed(D, model__layers__1=5), "/model/layers/1", "unknown_kind", "expected a layer, got 5"),
    (changed(D, model__layers__0__in="64"), "/model/layers/0/in", "wrong_type", "without quotes"),
    (changed(D, model__layers__0__out=REMOVED), "/model/layers/0/out", "missing", "how many numbers go out"),
    (changed(D, model__layers__1__inplace=True), "/model/layers/1/inplace", "unknown_key", "known: type"),
    (changed(D, model__layers=[{"type": "relu"}] * 1001), "/model/layers", "too_many_layers", "got 1001"),
    (changed(D, model__layers=[[[[[[[[[[1]]]]]]]]]]), "/model/layers", "too_nested", "flatten them"),
    (changed(D, data="digits"), "/data", "unknown_kind", 'write {"builtin": "digits"}'),
    (changed(D, data={"x": [1], "y": [1]}), "/data", "unknown_kind", 'under "inline"'),
    (changed(D, data__builtin="moons"), "/data/builtin", "unknown_value", 'write {"generator": "moons"}'),
    (changed(D, data__builtin="mnist"), "/data/builtin", "unknown_value", 'one of "digits", "iris"'),
    (changed(D, data__noise=1), "/data/noise", "unknown_key", "take it out"),
    (changed(D, data__inline=1), "/data/inline", "unknown_key", "got both"),
    (changed(D, data__test_fraction=20), "/data/test_fraction", "out_of_range", "below 1, got 20"),
    (
        changed(L, data__inline__x=[[1, 2], [3]]),
        "/data/inline/x/1",
        "ragged",
        "2 numbers as in the first row",
    ),
    (changed(L, data__inline__x=[1, "2"]), "/data/inline/x/1", "not_a_number", 'got the text "2"'),
    (changed(L, data__inline__x=[[1], [None]]), "/data/inline/x/1/0", "not_a_number", "got null"),
    (changed(L, data__inline__x=[True, 2]), "/data/inline/x/0", "not_a_number", "got true"),
    (changed(L, data__inline__x=[1, float("inf")]), "/data/inline/x/1", "not_finite", "got inf"),
    (changed(L, data__inline__x=[1, 10**400]), "/data/inline/x/1", "not_finite", "more than 30 digits"),
    (changed(L, data__inline__x=[]), "/data/inline/x", "empty", "at least one"),
    (changed(L, data__inline__x=[[], []]), "/data/inline/x/0", "empty", "at least one"),
    (changed(L, data__inline__x=5), "/data/inline/x", "not_a_list", "expected a list of rows, got 5"),
    (changed(L, data__inline__x=[[1], 2]), "/data/inline/x/1", "not_a_row", "put it in brackets"),
    (changed(L, data__inline__x=[1, [2]]), "/data/inline/x/1", "not_a_number", "inner brackets"),
    (changed(L, data__inline__x=[[[1]], [[2]]]), "/data/inline/x/0/0", "not_a_number", "inner brackets"),
    (changed(L, data__inline__x=[[0] * 100_001] * 2), "/data/inline/x/0", "too_long", "100000 columns"),
    (changed(L, model__parameters={}), "/model/parameters", "too_short", "at least 1 entry"),
    (changed(L, model__parameters__a="1"), "/model/parameters/a", "wrong_type", "without quotes"),
    (changed(L, model__parameters={"b 1": 1}), "/model/parameters/b 1", "bad_text", "letters a to z"),
    (changed(L, model__expression=5), "/model/expression", "wrong_type", "put it in quotes"),
    (changed(D, batch_size="all"), "/batch_size", "unknown_value", 'a whole number or "full"'),
    (changed(D, batch_size=0), "/batch_size", "out_of_range", "at least 1"),
    (changed(D, seed=2**53), "/seed", "out_of_range", "9007199254740991"),
    (changed(D, dtype="double"), "/dtype", "unknown_value", 'did you mean "float64"?'),
    (changed(D, shuffle="yes"), "/shuffle", "wrong_type", "true or false"),
    (changed(D, shuffle=1), "/shuffle", "wrong_type", "true or false"),
    (changed(D, shards=128), "/shards", "out_of_range", "at most 64"),
    (changed(D, stop={"loss": 0.1}), "/stop/loss", "unknown_key", "known: loss_below, patience"),
    (changed(D, stop=5), "/stop", "wrong_type", "expected an object, got 5"),
    (changed(D, name="x" * 201), "/name", "too_long", "at most 200 characters, got 201"),
    (changed(D, name="a\0b"), "/name", "bad_text", "without control characters"),
    (changed(D, name="\ud800"), "/name", "bad_text", "valid Unicode"),
    (changed(D, metadata={"<list>": 1}), "/metadata/<list>", "wrong_type", "expected a text, got 1"),
    (changed(D, metadata={"a/b~": 1}), "/metadata/a~1b~0", "wrong_type", "expected a text"),
    (changed(D, metadata={"k" * 65: "v"}), "/metadata/" + "k" * 65, "too_long", "at most 64 characters"),
    (changed(D, metadata={"k": "v" * 513}), "/metadata/k", "too_long", "at most 512 characters"),
    (changed(D, metadata={"": "v"}), "/metadata/", "too_short", "at least 1 character"),
    (
        changed(D, metadata=dict.fromkeys(map(str, range(17)), "")),
        "/metadata",
        "too_long",
        "at most 16 entries",
    ),
]


@pytest.mark.parametrize(("raw", "pointer", "code", "words"), WRONG)
def test_the_problem_is_named(raw: object, pointer: str, code: str, words: str) -> None:
    found = problems(raw)
    assert [(problem.pointer, problem.code) for problem in found] == [(pointer, code)]
    assert words in found[0].message
    found[0].message.encode()  # can be sent


def test_all_problems_at_once_without_echoes() -> None:
    found = problems(changed(D, model__layers=["relu", {"type": "linear", "in": 0, "out": "1"}], loss="mes"))
    assert [problem.pointer for problem in found] == [
        "/model/layers/0",
        "/model/layers/1/in",
        "/model/layers/1/out",
        "/loss",
    ]


def test_an_empty_job_is_told_what_it_needs() -> None:
    assert [problem.pointer for problem in problems({})] == ["/model", "/data", "/loss", "/optimizer"]


def deep(levels: int) -> list[Any]:
    nested: list[Any] = []
    for _ in range(levels):
        nested = [nested]
    return nested


MANY = dict.fromkeys(map(str, range(100_000)), 1)


@pytest.mark.parametrize(
    "raw",
    [
        {**D, **MANY},
        changed(D, metadata=MANY),
        changed(L, model__parameters=MANY),
        changed(D, model__initial_weights=MANY),
        changed(D, model__layers=[{"type": "x"}] * 100_000),
        changed(D, model__layers=deep(50_000)),
        changed(L, data__inline__x=deep(50_000)),
        changed(D, optimizer=deep(50_000)),
        changed(D, loss="a" * 3_000_000),
        changed(L, model__expression="x+" * 1_000_000),
        {**D, "k" * 3_000_000: 1},
    ],
    ids=range(11),
)
def test_floods_are_refused_soon_and_briefly(raw: dict[str, Any]) -> None:
    found: tuple[Problem, ...] = ()

    def read() -> None:
        nonlocal found
        found = problems(raw)

    assert calls_of(read) < 10_000 + 25 * len(raw["model"].get("layers", ()))
    assert len(found) == 1
    assert len(found[0].message + found[0].pointer) < 600


class Query(BaseModel):
    limit: int


def test_errors_as_fastapi_gives_them() -> None:
    with pytest.raises(ValidationError) as caught:
        TrainSpec.model_validate({**LINE, "epochs": 0, "body": 1})
    errors = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    assert [problem.pointer for problem in problems_of(errors)] == ["/epochs", "/body"]
    broken = {"type": "json_invalid", "loc": ("body", 17), "msg": "JSON decode error", "input": {}}
    assert problems_of([broken])[0].code == "json_invalid"


def test_other_models_than_a_job() -> None:
    with pytest.raises(ValidationError) as caught:
        Query.model_validate({"limit": "many"})
    problem = problems_of(caught.value, Query)[0]
    assert (problem.pointer, problem.message) == (
        "/limit",
        'expected a whole number, got the text "many"; write one such as 3',
    )
