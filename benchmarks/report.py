"""What every benchmark prints beside its figures."""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version

import numpy as np


def environment() -> str:
    """Versions and cores, in a line."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "celery", "sqlalchemy", "fastapi"))
    return f"Python {platform.python_version()}, {packages}, {os.cpu_count()} cores, one BLAS thread a worker"


def spread(values: Sequence[float], unit: str) -> str:
    """Median, 95th percentile and range."""
    median, high = np.percentile(values, [50, 95])
    return (
        f"median {median:.4g} {unit}, 95th percentile {high:.4g} {unit}, "
        f"range {min(values):.4g} to {max(values):.4g} {unit}, n = {len(values)}"
    )
