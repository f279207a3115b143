"""Tables, and the line that says where figures come from."""

import os
import platform
from collections.abc import Mapping, Sequence

from benchmarks.core.tables import processor
from lockstep.core.group.fingerprint import blas_core


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first column is text."""
    lines = [heads, ["---", *(["---:"] * (len(heads) - 1))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine(versions: Mapping[str, str]) -> str:
    """Processor, cores, kernels, threads and versions, in a line."""
    packages = ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))
    return (
        f"{processor()}, {os.cpu_count()} cores, one thread a process, not pinned. "
        f"OpenBLAS's kernels for {blas_core()}. Python {platform.python_version()}, {packages}"
    )
