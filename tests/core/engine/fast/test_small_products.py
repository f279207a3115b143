"""Products in pieces of fewer rows."""

import numpy as np
import pytest

from lockstep.core.engine.fast import small_products
from lockstep.core.group.fingerprint import blas_core
from lockstep.core.model.ops.convolution import SMALL_PRODUCT

pytestmark = pytest.mark.bits


def factors(inner: int, rows: int = 300, columns: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(inner)
    a = random.standard_normal((inner, rows), np.float32).T
    return a, random.standard_normal((inner, columns), np.float32), np.empty((rows, columns), np.float32)


@pytest.mark.parametrize("inner", [1, 16, 31, 32, 33, 100])
def test_whatever_is_chosen_has_the_bits_of_the_product(inner: int) -> None:
    a, b, out = factors(inner)

    for call in small_products.quickest_product(a, b, out):
        call()

    assert out.tobytes() == np.matmul(a, b).tobytes()


def test_tiles_cover_all_rows_and_are_small() -> None:
    a, b, out = factors(32)
    out.fill(np.nan)

    calls = small_products.tiles(a, b, out)
    for call in calls:
        call()

    assert len(calls) == -(-32 * 300 * 200 // SMALL_PRODUCT)
    assert np.isfinite(out).all()


@pytest.mark.parametrize(("inner", "rows"), [(small_products.MAX_INNER + 1, 300), (16, 30)])
def test_long_sums_and_small_results_stay_whole(inner: int, rows: int) -> None:
    assert len(small_products.quickest_product(*factors(inner, rows))) == 1


def test_other_kernels_have_no_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = len(small_products.quickest_product(*factors(32)))
    monkeypatch.setattr(small_products, "blas_core", lambda: "Haswell")

    assert len(small_products.quickest_product(*factors(32))) == 1
    assert (pieces > 1) == (blas_core() in small_products.KERNELS)
