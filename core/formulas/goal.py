"""Where a search wants to be."""

import math

import numpy as np

from lockstep.core.spec import MinimizeSpec, SolveSpec


def has_goal(spec: MinimizeSpec | SolveSpec) -> bool:
    """Whether there is a place to reach: always for `solve`, for `minimize` where it has a stop rule."""
    if isinstance(spec, SolveSpec):
        return True
    return spec.stop.value_below is not None or spec.stop.gradient_norm_below is not None


def goal_met(spec: MinimizeSpec | SolveSpec, value: float, gradient: np.ndarray) -> str | None:
    """The stop reason of a point that is where its search wants to be; None elsewhere."""
    if isinstance(spec, SolveSpec):
        return "tolerance" if abs(value - spec.target) <= spec.tolerance else None
    below, norm_below = spec.stop.value_below, spec.stop.gradient_norm_below
    if below is not None and value < below:
        return "value_below"
    if norm_below is not None and math.hypot(*gradient.tolist()) < norm_below:
        return "gradient_norm_below"
    return None
