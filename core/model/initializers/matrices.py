"""Starts that are made as a whole matrix."""

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lockstep.core.ground.fields import Real
from lockstep.core.model.initializers.base import ANY_NUMBER, Deviation, InitializerSpec, ParameterShape
from lockstep.core.model.initializers.gains import Gain, gain_of


class OrthogonalStart(InitializerSpec):
    """Orthonormal rows or columns times gain; further axes count to the columns. For two axes or more."""

    axes = (2, ANY_NUMBER)

    type: Literal["orthogonal"]
    gain: Gain = 1.0
    """a factor, or the name of the nonlinearity that follows"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """Q of a normal matrix, its signs such that R's diagonal is positive: all rotations are as likely."""
        rows, columns = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(random.normal(size=(max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))
        matrix = q if rows >= columns else q.T
        return gain_of(self.gain) * matrix.reshape(shape)


class SparseStart(InitializerSpec):
    """N(0, std²), but in each column a part of the elements is 0; for parameters of two axes."""

    axes = (2, 2)

    type: Literal["sparse"]
    sparsity: Annotated[Real, Field(ge=0, le=1)]
    """the part of each column that is 0, rounded up"""
    std: Deviation = 0.01
    """the standard deviation of the others"""

    def values(self, shape: ParameterShape, random: np.random.Generator) -> np.ndarray:
        """See InitializerSpec."""
        values = random.normal(0.0, self.std, shape)
        ranks = random.random(shape).argsort(axis=0).argsort(axis=0)
        values[ranks < math.ceil(self.sparsity * shape[0])] = 0.0
        return values
