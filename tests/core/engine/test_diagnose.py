"""What is said of a value that is no longer finite."""

import numpy as np
import pytest

from lockstep.core.engine.diagnose import BadNode, first_bad_node, has_steep_places
from lockstep.core.model.parameters import Parameters
from tests.gradcheck import formula, network


def diagnose(text: str, start: dict[str, float], x: list[float], dtype: str = "float64") -> BadNode | None:
    graph = formula(text, start)
    parameters = Parameters(graph, np.dtype(dtype))
    parameters.initialize(0)
    return first_bad_node(graph, parameters, np.array(x)[:, np.newaxis])


@pytest.mark.parametrize(
    ("text", "start", "x", "function", "inputs", "row"),
    [
        ("ln(a*x)", {"a": -1.0}, [0.0, 2.0], "log", (0.0,), 0),
        ("ln(a*x) + 1", {"a": 1.0}, [1.0, -2.0], "log", (-2.0,), 1),
        ("sqrt(a*x)", {"a": 1.0}, [3.0, 4.0, -0.5], "sqrt", (-0.5,), 2),
        ("1/(x - a)", {"a": 2.0}, [1.0, 2.0], "divide", (1.0, 0.0), 1),
        ("x/(a - a)", {"a": 2.0}, [1.0], "divide", (1.0, 0.0), 0),
        ("(x - a)**0.5", {"a": 2.0}, [3.0, 1.0], "power", (-1.0,), 1),
        ("(x - a)**-1", {"a": 2.0}, [2.0], "power", (0.0,), 0),
        ("(x - a)**(a/4)", {"a": 2.0}, [1.0], "power", (-1.0, 0.5), 0),
        ("ln(a) + x", {"a": -3.0}, [1.0], "log", (-3.0,), None),
        ("1/0*a*x", {"a": 1.0}, [1.0], "divide", (1.0, 0.0), None),
    ],
)
def test_a_value_outside_the_domain(
    text: str,
    start: dict[str, float],
    x: list[float],
    function: str,
    inputs: tuple[float, ...],
    row: int | None,
) -> None:
    found = diagnose(text, start, x)

    assert found is not None
    assert (found.outside_domain, found.function, found.inputs, found.row) == (True, function, inputs, row)
    assert function in found.description
    assert "expected" in found.description


@pytest.mark.parametrize(
    ("text", "start", "x", "function"),
    [
        ("sqrt(a*x)", {"a": 1.0}, [1.0, 0.0], "sqrt"),
        ("(a*x)**0.5", {"a": 1.0}, [1.0, 0.0], "power"),
        ("x**a", {"a": 2.0}, [1.0, -3.0], "power"),
    ],
)
def test_a_place_without_a_finite_slope(
    text: str, start: dict[str, float], x: list[float], function: str
) -> None:
    found = diagnose(text, start, x)

    assert found is not None
    assert (found.outside_domain, found.function, found.row) == (True, function, 1)
    assert np.isfinite(found.value)
    assert f"the value {found.value:g} is finite but its slope with respect to" in found.description
    assert has_steep_places(formula(text, start))


@pytest.mark.parametrize(
    ("text", "start", "x", "function"),
    [
        ("exp(a*x)", {"a": 100.0}, [1.0, 3.0], "exp"),
        ("a*x*x", {"a": 1e30}, [1e9, 2.0], "multiply"),
        ("(a*x)**9", {"a": 1e6}, [1.0], "power"),
    ],
)
def test_a_number_too_large_is_no_matter_of_domain(
    text: str, start: dict[str, float], x: list[float], function: str
) -> None:
    found = diagnose(text, start, x, dtype="float32")

    assert found is not None
    assert (found.outside_domain, found.function) == (False, function)
    assert "too large for float32" in found.description


@pytest.mark.parametrize(
    ("text", "start", "x", "words"),
    [
        ("ln(a*x)", {"a": 1.0}, [1.0, 1e-310], "log in 'ln(a*x)', row 1 of the batch"),
        ("1/a + x", {"a": 1e-200}, [1.0], "divide in '1/a'"),
        ("1/a + 2*a + x", {"a": 1e-200}, [1.0], "divide in '1/a'"),
        ("a**-1.5*x", {"a": 1e-190}, [1e-300], "power in 'a**-1.5'"),
    ],
)
def test_a_slope_too_large_is_no_matter_of_domain(
    text: str, start: dict[str, float], x: list[float], words: str
) -> None:
    found = diagnose(text, start, x)

    assert found is not None
    assert not found.outside_domain
    assert found.description.startswith(words)
    assert "the slope with respect to 'a" in found.description
    assert "is too large for float64" in found.description


def test_a_ruined_weight_is_named() -> None:
    graph = network([{"type": "linear", "in": 2, "out": 2}], 2)
    parameters = Parameters(graph, np.dtype("float32"))
    parameters.initialize(0)
    parameters.views["0.bias"][1] = np.nan

    found = first_bad_node(graph, parameters, np.ones((3, 2)))

    assert found is not None
    assert (found.name, found.outside_domain, found.function) == ("0.bias", False, "parameter")


def test_an_overflow_in_a_network_is_found() -> None:
    graph = network([{"type": "linear", "in": 2, "out": 2}, {"type": "linear", "in": 2, "out": 2}], 2)
    parameters = Parameters(graph, np.dtype("float32"))
    parameters.flat[:] = 1e30

    found = first_bad_node(graph, parameters, np.ones((3, 2)))

    assert found is not None
    assert (found.name, found.function, found.outside_domain) == ("1", "linear", False)


@pytest.mark.parametrize("text", ["sigmoid(a*x)", "softplus(a*x)", "a*x**2 + sin(x)", "x**-2*a"])
def test_nothing_is_found_where_all_is_finite(text: str) -> None:
    assert diagnose(text, {"a": 2000.0}, [1.0, -3.0]) is None


def test_most_formulas_have_no_steep_places() -> None:
    assert not has_steep_places(formula("a*x + exp(b*x)", {"a": 1.0, "b": 1.0}))
