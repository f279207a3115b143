"""Where a function bends: comparisons as numbers 0 and 1."""

import numpy as np

from lockstep.core.model.ops.base import Site


def positive(site: Site) -> np.ndarray:
    """Append the computing of [x > 0] as numbers 0 and 1; give the array."""
    mask, numbers = np.empty_like(site.y, dtype=bool), site.buffer(site.y)
    site.call(np.greater, site.x[0], site.number(0.0), mask)
    # A comparison written straight to numbers would go through a temporary buffer at each step.
    site.call(np.copyto, numbers, mask)
    return numbers


def between(site: Site, values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Append the computing of [low < values < high] as numbers 0 and 1; give the array."""
    above, below = (np.empty_like(values, dtype=bool) for _ in range(2))
    numbers = site.buffer(values)
    site.call(np.greater, values, site.number(low), above)
    site.call(np.less, values, site.number(high), below)
    site.call(np.logical_and, above, below, above)
    # A comparison written straight to numbers would go through a temporary buffer at each step.
    site.call(np.copyto, numbers, above)
    return numbers
