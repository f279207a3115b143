"""Products that add themselves to what is there, where that has the bits of a product and an addition."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from core import adding
from core.blas import SHORT, Vectors, product_added
from core.ops.base import WeightProduct
from tests.core.training_jobs import DIGITS, IMAGES, training

STEPS = 3 * adding.PATIENCE


def layers(*widths: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for inputs, outputs in pairwise(widths):
        found += [{"type": "linear", "in": inputs, "out": outputs}, {"type": "relu"}]
    return {"layers": found[:-1]}


def factors(rows: int, inputs: int, outputs: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(rows)
    x, slopes = random.standard_normal((rows, inputs)), random.standard_normal((rows, outputs))
    return x.astype(dtype).T, slopes.astype(dtype)


@pytest.mark.parametrize("after", ["add", "axpy", "multiply, add"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", [16, 64, 100, 256, 384, 500, 1000])
@pytest.mark.parametrize("sizes", [(784, 256), (256, 128), (128, 10), (64, 32), (301, 257)])
def test_what_the_probe_finds_holds_for_other_numbers(
    sizes: tuple[int, int], rows: int, dtype: str, after: str
) -> None:
    a, b = factors(rows, *sizes, dtype=dtype)
    target = np.random.default_rng(2).standard_normal(sizes[0] * sizes[1]).astype(dtype)
    added, gradient = target.copy(), np.zeros_like(target)
    factor = np.array(1.0 if after == "add" else -0.3, dtype)
    alike = adding._alike(WeightProduct(0, a, b, gradient.reshape(sizes)), after)
    call = product_added(factor, a, b, added.reshape(sizes))
    assert call is not None

    call()
    np.dot(a, b, gradient.reshape(sizes))
    if after == "add":
        target += gradient
    else:
        vectors = Vectors(SHORT if after == "axpy" else 0, target.dtype)
        for each in vectors.axpy(factor, gradient, target, gradient):
            each()

    np.testing.assert_allclose(added, target, rtol=0, atol=1e-3 if dtype == "float32" else 1e-12)
    if alike:
        assert added.tobytes() == target.tobytes()


def test_some_products_add_and_some_do_not() -> None:
    """On the kernels at hand; else this file would test nothing."""
    out = np.zeros((784, 256), np.float32)
    verdicts = {
        adding._alike(WeightProduct(0, *factors(rows, 784, 256, "float32"), out), after)
        for rows in (64, 2000)
        for after in ("add", "axpy")
    }

    assert verdicts == {True, False}


BASE = DIGITS | {"data": {"builtin": "digits", "standardize": True}, "epochs": 2000}
SHARDED: dict[str, dict[str, Any]] = {
    "wide": BASE | {"model": layers(64, 256, 128, 10), "batch_size": 256},
    "wide, float64": BASE | {"model": layers(64, 256, 10), "batch_size": 256, "dtype": "float64"},
    "uneven": BASE | {"model": layers(64, 256, 10), "batch_size": 251},
    "a short last batch": BASE | {"model": layers(64, 256, 10), "batch_size": 599},
    "a chain, uneven": BASE | {"model": layers(64, 32, 10), "batch_size": 61},
    "fewer rows than shards": BASE | {"model": layers(64, 256, 10), "batch_size": 3},
    "all rows": BASE | {"model": layers(64, 256, 10), "batch_size": "full"},
    "images": IMAGES | {"epochs": 50},
    "pieces": BASE | {"model": layers(64, 256, 10), "batch_size": 128, "accumulate": 2},
}


@pytest.mark.parametrize("shards", [2, 4, 8])
@pytest.mark.parametrize("name", SHARDED)
def test_shards_that_add_themselves_have_the_bits_of_shards_added(
    name: str, shards: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = SHARDED[name] | {"shards": shards}
    short = training(job)
    losses = short.advance(STEPS).series["loss"].values
    monkeypatch.setattr("core.stack.PATIENCE", 10**9)
    plain = training(job)

    assert losses.tobytes() == plain.advance(STEPS).series["loss"].values.tobytes()
    assert short.parameters.flat.tobytes() == plain.parameters.flat.tobytes()
