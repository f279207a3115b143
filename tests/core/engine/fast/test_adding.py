"""Products that add themselves to what is there, where that has the bits of a product and an addition."""

import os
import subprocess
import sys
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from lockstep.core.engine.fast import adding
from lockstep.core.ground.blas import product_added
from lockstep.core.group.fingerprint import blas_core
from tests.core.learning.training_jobs import DIGITS, IMAGES, training

pytestmark = pytest.mark.bits

STEPS = 3 * adding.PATIENCE


def layers(*widths: int) -> dict[str, Any]:
    found: list[dict[str, Any]] = []
    for inputs, outputs in pairwise(widths):
        found += [{"type": "linear", "in": inputs, "out": outputs}, {"type": "relu"}]
    return {"layers": found[:-1]}


Layout = tuple[tuple[int, ...], tuple[int, ...]]


@lru_cache(maxsize=4)  # the same serve many places, and nobody writes to them
def matrices(rows: int, sizes: tuple[int, int], dtype: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """What a layer's weights have for a gradient: the product of the two."""
    random = np.random.default_rng(seed)
    x, slopes = (random.standard_normal((rows, width)).astype(dtype) for width in sizes)
    return x.T, slopes


def layouts(rows: int, sizes: tuple[int, int], dtype: str) -> tuple[Layout, Layout]:
    a, b = matrices(rows, sizes, dtype, 0)
    return (a.shape, a.strides), (b.shape, b.strides)


def run_added(rate: np.ndarray, factors: tuple[np.ndarray, np.ndarray], out: np.ndarray) -> None:
    call = product_added(rate, *factors, out)
    assert call is not None
    call()


def updated(rows: int, sizes: tuple[int, int], dtype: str, others: int) -> bool:
    """Whether the probe lets a product update weights with `others` behind them; if so, it has the bits."""
    product = (0, *layouts(rows, sizes, dtype))
    size = sizes[0] * sizes[1] + others
    chosen = adding._which_update(size, dtype, (product,))
    for seed, number in enumerate((-0.001, -0.05, -0.9) if chosen else ()):
        random, rate = np.random.default_rng(seed), np.array(number, dtype)
        a, b = matrices(rows, sizes, dtype, seed)
        gradient, weights = (random.standard_normal(size).astype(dtype) for _ in range(2))
        np.dot(a, b, gradient[: a.shape[0] * b.shape[1]].reshape(sizes))
        expected, moved = weights.copy(), weights.copy()
        adding._run(adding._moves(rate, gradient, expected, [slice(0, size)]))
        run_added(rate, (a, b), adding._of(moved, product))
        adding._run(adding._moves(rate, gradient, moved, adding.others(size, chosen)))
        assert moved.tobytes() == expected.tobytes(), (rows, sizes, dtype, others, number)
    return bool(chosen)


def added(rows: int, sizes: tuple[int, int], dtype: str) -> bool:
    """Whether the probe lets a product add to another gradient; if so, it has the bits."""
    alike = adding.adds_alike(layouts(rows, sizes, dtype), dtype)
    for seed in range(3 if alike else 0):
        a, b = matrices(rows, sizes, dtype, seed)
        target = np.random.default_rng(seed).standard_normal(sizes).astype(dtype)
        expected = target + np.dot(a, b)
        run_added(np.ones((), dtype), (a, b), target)
        assert target.tobytes() == expected.tobytes(), (rows, sizes, dtype)
    return alike


SIZES = [(784, 256), (256, 128), (128, 10), (64, 32), (301, 257), (33, 10)]
ROWS = [16, 64, 77, 256, 384, 1000]


SMALL = [(4, 4), (2, 2), (3, 5), (8, 3)]
INNER = [*range(316, 336), 383, 384, 385, 400, 640, 641]
"""On both sides of what kernels take in one turn: 320, or 384."""


def differ(rows: int, sizes: tuple[int, int], dtype: str) -> bool:
    """Whether a product that adds has other bits in any of some thousand results."""
    for seed in range(-(-4000 // (sizes[0] * sizes[1]))):
        a, b = matrices(rows, sizes, dtype, seed)
        target = np.random.default_rng(seed).standard_normal(sizes).astype(dtype)
        expected = target + np.dot(a, b)
        if product_added(np.ones((), dtype), a, b, target) is None:
            return False
        run_added(np.ones((), dtype), (a, b), target)
        if target.tobytes() != expected.tobytes():
            return True
    return False


def small_ones_that_differ() -> list[tuple[int, tuple[int, int], str]]:
    """All of a few results, on which numbers at random show nothing now and then; none may be let through."""
    found = [(rows, sizes, dtype) for rows in INNER for sizes in SMALL for dtype in ("float32", "float64")]
    found = [each for each in found if differ(*each)]
    assert not [each for each in found if adding.adds_alike(layouts(*each), each[2])]
    return found


def test_no_small_product_that_differs_passes_by_chance() -> None:
    small_ones_that_differ()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("sizes", SIZES)
def test_what_the_probes_find_holds_for_other_numbers(sizes: tuple[int, int], rows: int, dtype: str) -> None:
    added(rows, sizes, dtype)
    for others in (0, 1, 10, 256):
        updated(rows, sizes, dtype, others)


def test_some_products_add_and_some_do_not() -> None:
    """On the kernels at hand; else this file would test nothing."""
    assert {added(rows, (784, 256), "float32") for rows in (64, 2000)} == {True, False}
    assert {updated(rows, (784, 256), "float32", 10) for rows in (64, 2000)} == {True, False}


def test_without_blas_no_product_adds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockstep.core.engine.fast.adding.product_added", lambda *_: None)
    for probe in (adding.adds_alike, adding._which_update):
        probe.cache_clear()
    try:
        assert not adding.adds_alike(layouts(64, (784, 256), "float32"), "float32")
        assert not adding._which_update(9999, "float32", ((0, *layouts(64, (33, 10), "float32")),))
    finally:
        for probe in (adding.adds_alike, adding._which_update):
            probe.cache_clear()


CHECK = """
from tests.core.engine.fast.test_adding import ROWS, SIZES, added, small_ones_that_differ, updated
from tests.core.engine.fast.test_adding import signed_zeros_stay
found = {each[0] for each in small_ones_that_differ() if each[2] == "float32"}
assert CORE != "Haswell" or (330 in found and 320 not in found), found
signed_zeros_stay()
for sizes in SIZES:
    for rows in ROWS[:4]:
        added(rows, sizes, "float32")
        for others in (0, 1, 10, 257):
            updated(rows, sizes, "float32", others)
print("alike")
"""


def signed_zeros_stay() -> None:
    """Where a product may add itself, -0 and a product of -0 have the sum that np.add gives."""
    for dtype in ("float32", "float64"):
        for rows, sizes in ((2, (2, 2)), (55, (4, 4)), (64, (64, 32)), (128, (784, 256))):
            a, b = np.zeros((rows, sizes[0]), dtype).T, np.full((rows, sizes[1]), -1, dtype)
            target, expected = np.full(sizes, -0.0, dtype), np.full(sizes, -0.0, dtype)
            expected += np.dot(a, b)
            if adding.adds_alike(layouts(rows, sizes, dtype), dtype):
                run_added(np.ones((), dtype), (a, b), target)
                assert target.tobytes() == expected.tobytes(), (rows, sizes, dtype)


def test_where_products_add_themselves_zeros_keep_their_signs() -> None:
    signed_zeros_stay()


@pytest.mark.parametrize("core", ["Haswell", "Zen", "Nehalem"])
@pytest.mark.skipif(blas_core() == "unknown", reason="needs an OpenBLAS that can change its kernels")
def test_it_holds_on_other_kernels(core: str) -> None:
    """The last numbers of a vector are rounded in another way than the rest on some."""
    done = subprocess.run(
        [sys.executable, "-c", f"CORE = {core!r}{CHECK}"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OPENBLAS_CORETYPE": core},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert done.stdout == "alike\n", done.stderr


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
    monkeypatch.setattr("lockstep.core.engine.fast.loaded_plan.PATIENCE", 10**9)
    plain = training(job)

    assert losses.tobytes() == plain.advance(STEPS).series["loss"].values.tobytes()
    assert short.parameters.flat.tobytes() == plain.parameters.flat.tobytes()


PLACES = {
    "model": {
        "layers": [
            {"type": "linear", "in": 10, "out": 24},
            {"type": "unflatten", "shape": [6, 4]},
            {"type": "linear", "in": 4, "out": 4},
            {"type": "tanh"},
            {"type": "flatten"},
            {"type": "linear", "in": 24, "out": 1},
        ]
    },
    "data": {"builtin": "diabetes", "standardize": True},
    "loss": "mse",
    "optimizer": {"type": "lion"},
    "shards": 8,
    "batch_size": "full",
    "epochs": 60,
    "seed": 737,
}
"""A layer of 4 by 4 at 6 places of 55 or 56 rows: its product has 16 results, of 330 or 336 terms each."""


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_run_that_goes_on_from_a_checkpoint_has_the_bits_of_one_that_never_stopped(dtype: str) -> None:
    """Each training takes its first steps the longer way."""
    job = PLACES | {"dtype": dtype}
    through, stopped = training(job), training(job)
    through.advance(40)
    for _ in range(20):
        stopped.advance(2)
        checkpoint = stopped.checkpoint()
        stopped = training(job, checkpoint=checkpoint)

    assert stopped.parameters.flat.tobytes() == through.parameters.flat.tobytes()


@pytest.mark.parametrize("spare", [0, -1])
def test_vectors_and_matrices_of_so_many_numbers_are_probed(
    spare: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    products = ((0, *layouts(64, (33, 10), "float32")),)
    alike = adding._which_add(330, np.dtype("float32"), products, scaled=False)
    if not alike:
        pytest.skip("needs a BLAS in which this product may add itself")
    monkeypatch.setattr(adding, "MAX_PROBED", 64 * 33 + spare)

    assert adding._which_add(330, np.dtype("float32"), products, scaled=False) == (() if spare else alike)
