"""Where a slope jumps, both ways of computing a formula take PyTorch's: 0 at the kink of relu and of abs."""

from typing import Any

import pytest

from tests.core.learning.training_jobs import LINE, training

pytestmark = pytest.mark.bits

WAYS: dict[str, dict[str, Any]] = {"on floats": {}, "by NumPy": {"dtype": "float32"}}


@pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize("function", ["relu", "abs"])
def test_the_slope_at_the_kink_is_0(function: str, changes: dict[str, Any]) -> None:
    """a*x is 0 for every row; so a stays, as long as nothing flows through the kink, while b is learned."""
    model = {"expression": f"{function}(a*x) + b", "parameters": {"a": 0, "b": 1}}
    trained = training(LINE | {"model": model} | changes)

    trained.advance(20)

    weights = trained.checkpoint().parameters.tolist()
    assert weights[0] == 0.0
    assert weights[1] > 5.0


@pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS.keys())
@pytest.mark.parametrize(("function", "slope"), [("relu", (0.0, 1.0)), ("abs", (-1.0, 1.0))])
def test_the_slopes_beside_the_kink(
    function: str, slope: tuple[float, float], changes: dict[str, Any]
) -> None:
    for a, expected in zip((-0.5, 0.5), slope, strict=True):
        model = {"expression": f"{function}(a*x)", "parameters": {"a": a}}
        data = {"inline": {"x": [1.0], "y": [-3.0]}}
        trained = training(LINE | {"model": model, "data": data} | changes)

        trained.advance(1)

        # y - target is 3 or 3.5 there, and the learning rate 0.1.
        moved = (float(trained.checkpoint().parameters[0]) - a) / (-0.1 * 2 * (max(a, 0.0) + 3.0))
        if function == "abs":
            moved = (float(trained.checkpoint().parameters[0]) - a) / (-0.1 * 2 * 3.5)
        assert moved == pytest.approx(expected, rel=1e-6)
