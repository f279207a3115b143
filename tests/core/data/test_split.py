import numpy as np
import pytest

from lockstep.core.data.split import PartSizes, part_rows, part_sizes
from lockstep.core.spec import BuiltinData


def options(test: float = 0, validation: float = 0) -> BuiltinData:
    return BuiltinData(builtin="iris", test_fraction=test, validation_fraction=validation)


@pytest.mark.parametrize(
    ("rows", "test", "validation", "sizes"),
    [
        (10, 0, 0, (10, 0, 0)),
        (10, 0.2, 0, (8, 0, 2)),
        (10, 0.25, 0.25, (4, 3, 3)),
        (1797, 0.2, 0, (1438, 0, 359)),
        (10, 0.001, 0.001, (8, 1, 1)),
        (2, 0.9, 0, (0, 0, 2)),
        (1, 0.1, 0.1, (-1, 1, 1)),
    ],
)
def test_sizes(rows: int, test: float, validation: float, sizes: tuple[int, int, int]) -> None:
    train, validated, tested = sizes
    assert part_sizes(rows, options(test, validation)) == PartSizes(
        train=train, validation=validated, test=tested
    )


@pytest.mark.parametrize(("test", "validation"), [(0.2, 0.3), (0.2, 0), (0, 0.2), (0, 0)])
def test_every_row_is_in_one_part(test: float, validation: float) -> None:
    parts = part_rows(101, options(test, validation), seed=5)
    sizes = part_sizes(101, options(test, validation))
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (
        sizes.train,
        sizes.validation,
        sizes.test,
    )
    together = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(together) == list(range(101))
    for part in (parts.train, parts.validation, parts.test):
        assert (np.diff(part) > 0).all()


def test_the_seed_decides() -> None:
    assert np.array_equal(part_rows(100, options(0.2), 1).test, part_rows(100, options(0.2), 1).test)
    assert not np.array_equal(part_rows(100, options(0.2), 1).test, part_rows(100, options(0.2), 2).test)


def test_a_validation_part_leaves_the_test_rows_alone() -> None:
    assert np.array_equal(part_rows(100, options(0.2), 1).test, part_rows(100, options(0.2, 0.3), 1).test)
