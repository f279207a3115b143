from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockstep.core.data.builtins import BUILTINS, FILES_PATH, NEEDS
from lockstep.core.data.dataset import Part, Preprocessing
from lockstep.core.data.shapes import shape_of
from lockstep.core.data.spec import BuiltinData
from lockstep.core.ground.errors import InvalidData
from lockstep.core.ground.words import IncompleteWord, Vocabulary
from lockstep.core.learning.loading import load_dataset
from lockstep.core.submission import parse_spec, resolve
from tests.specs import DIGITS, LINE, changed, linear


def load(raw: dict[str, Any], seed: int = 0) -> Any:
    return load_dataset(resolve(parse_spec(raw), lambda: seed))


# name: first row's start, sum of all inputs, sum of all targets; as scikit-learn gives them
KNOWN: dict[str, tuple[list[float], float, float]] = {
    "digits": ([0, 0, 5, 13], 561718, 8070),
    "iris": ([5.1, 3.5, 1.4, 0.2], 2078.7, 150),
    "wine": ([14.23, 1.71, 2.43, 15.6], 159975.296, 167),
    "breast_cancer": ([17.99, 10.38, 122.8, 1001], 1056474.46, 357),
    "diabetes": ([59, 2, 32.1, 101], 276404.234, 67243),
}


@pytest.mark.parametrize("name", BUILTINS)
def test_builtin_data_is_the_real_one(name: str) -> None:
    assert name in KNOWN, f"give the first row and the sums of {name} in KNOWN, as its source has them"
    shape = shape_of(BuiltinData(builtin=name))
    values = shape.target == "values"
    raw = changed(
        DIGITS,
        data={"builtin": name},
        loss="mse" if values else "cross_entropy",
        model=linear(shape.columns, shape.outputs),
        dtype="float64",
    )
    dataset = load(raw)
    start, inputs, targets = KNOWN[name]
    x, y = dataset.train.x, dataset.train.y
    assert x.shape == (shape.rows, shape.columns) == (len(x), dataset.columns)
    assert x[0, :4].tolist() == start
    assert x.sum() == pytest.approx(inputs, rel=1e-6)
    assert y.sum() == targets
    assert y.shape == ((len(x), 1) if values else (len(x),))
    assert dataset.class_names == (None if values else BUILTINS[name].class_names)
    if not values:
        assert set(y.tolist()) == set(range(shape.outputs))


def test_the_files_come_with_their_licence() -> None:
    licence = (FILES_PATH / "LICENSE-DATA.md").read_text()
    rows = {line.split(" | ")[0][2:]: line for line in licence.splitlines() if line.startswith("| ")}

    assert {path.name for path in FILES_PATH.iterdir()} - {"LICENSE-DATA.md"} == {
        f"{name}.npz" for name in BUILTINS
    }
    for name, builtin in BUILTINS.items():
        assert rows[f"{name}.npz"].startswith(f"| {name}.npz | {builtin.rows} | ")
        assert rows[f"{name}.npz"].endswith(f" | {builtin.credit} |")


def test_a_data_set_without_credit_is_refused_by_name() -> None:
    nobodys = replace(BUILTINS["iris"], credit=None)  # type: ignore[arg-type]  # which mypy refuses as well

    with pytest.raises(
        IncompleteWord, match='"found" is incomplete: give it `credit`, the credit that its licence asks'
    ):
        Vocabulary("built-in data set", NEEDS, [("found", nobodys)])


def parts_of(dataset: Any) -> list[Part]:
    return [part for part in (dataset.train, dataset.validation, dataset.test) if part is not None]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("standardize", [True, False])
def test_arrays_are_ready_to_train_on(dtype: str, standardize: bool) -> None:
    data = {"builtin": "wine", "test_fraction": 0.2, "validation_fraction": 0.1, "standardize": standardize}
    for loss in ("cross_entropy", "mse"):
        if loss == "mse":
            data = {**data, "builtin": "diabetes"}
        model = linear(13, 3) if loss == "cross_entropy" else linear(10, 1)
        dataset = load(changed(DIGITS, data=data, dtype=dtype, model=model, loss=loss))
        assert len(parts_of(dataset)) == 3
        for part in parts_of(dataset):
            assert part.rows == len(part.x) == len(part.y)
            assert part.x.dtype == dtype
            assert part.y.dtype == (np.int64 if loss == "cross_entropy" else dtype)
            for array in (part.x, part.y):
                assert array.flags.c_contiguous
                assert not array.flags.writeable


def test_parts_of_no_rows_are_none() -> None:
    dataset = load(LINE)
    assert (dataset.validation, dataset.test, dataset.class_names) == (None, None, None)
    assert dataset.train.x.tolist() == [[1], [2]]
    assert dataset.train.y.tolist() == [[6], [8]]


def test_the_seed_decides_the_parts() -> None:
    same, other = load(DIGITS, 1), load(DIGITS, 2)
    assert np.array_equal(load(DIGITS, 1).test.x, same.test.x)
    assert not np.array_equal(same.test.x, other.test.x)


def test_flat_and_nested_columns_are_one() -> None:
    nested = changed(LINE, data={"inline": {"x": [[1], [2]], "y": [[6], [8]]}})
    assert np.array_equal(load(nested).train.x, load(LINE).train.x)
    assert np.array_equal(load(nested).train.y, load(LINE).train.y)
    classes = changed(DIGITS, data={"inline": {"x": [1, 2], "y": [[0], [1.0]]}}, model=linear(1, 2))
    assert load(classes).train.y.tolist() == [0, 1]


def test_standardizing_looks_at_training_rows_only() -> None:
    data = {"builtin": "breast_cancer", "test_fraction": 0.3, "standardize": True}
    dataset = load(changed(DIGITS, data=data, model=linear(30, 2), dtype="float64"))
    assert np.allclose(dataset.train.x.mean(axis=0), 0, atol=1e-12)
    assert np.allclose(dataset.train.x.std(axis=0), 1)
    assert not np.allclose(dataset.test.x.mean(axis=0), 0, atol=1e-6)


def test_a_constant_column_stays_finite() -> None:
    data = {"inline": {"x": [[0.1, 1], [0.1, 2], [0.1, 3]], "y": [1, 2, 3]}, "standardize": True}
    dataset = load(changed(DIGITS, data=data, model=linear(2, 1), loss="mse", dtype="float64"))
    assert np.allclose(dataset.train.x[:, 0], 0)
    assert dataset.train.x[:, 1].std() == pytest.approx(1)


def test_predictions_are_prepared_as_training_was() -> None:
    data = {"builtin": "wine", "standardize": True}
    raw = changed(DIGITS, data=data, model=linear(13, 3), dtype="float64")
    dataset = load(raw)
    plain = load(changed(raw, data={"builtin": "wine"}))
    again = Preprocessing.from_json(dataset.preprocessing.to_json())
    assert np.array_equal(again.apply(plain.train.x), dataset.train.x)
    nothing = Preprocessing.from_json(plain.preprocessing.to_json())
    assert nothing == Preprocessing()
    assert np.array_equal(nothing.apply(plain.train.x), plain.train.x)
    with pytest.raises(InvalidData, match="expected rows of 13 numbers"):
        again.apply(np.zeros((2, 12)))


def test_what_a_dtype_cannot_hold_is_refused() -> None:
    data = {"inline": {"x": [[1e-300, 1], [3e38, 1]], "y": [1, 2]}}
    raw = changed(DIGITS, data=data, model=linear(2, 1), loss="mse")
    load(raw)
    wide = {"inline": {"x": [-1e308, 1e308], "y": [1, 2]}, "standardize": True}
    with pytest.raises(InvalidData, match="scale them before"):
        load(changed(LINE, data=wide))


@pytest.mark.parametrize("target", ["binary_cross_entropy", "mse"])
def test_two_classes_can_be_values(target: str) -> None:
    dataset = load(changed(DIGITS, data={"generator": "moons", "size": 6}, model=linear(2, 1), loss=target))
    assert dataset.train.y.tolist() == [[0], [1], [0], [1], [0], [1]]
    assert dataset.train.y.dtype == np.float32


def test_shapes_of_inline_data() -> None:
    spec = parse_spec(
        changed(DIGITS, data={"inline": {"x": [[1, 2]], "y": [[1, 2, 3]]}}, model=linear(2, 3), loss="mse")
    )
    shape = shape_of(spec.data)
    assert (shape.rows, shape.columns, shape.target, shape.outputs) == (1, 2, "values", 3)
