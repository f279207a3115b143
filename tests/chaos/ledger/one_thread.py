"""BLAS is loaded for one thread, as in a worker: with more it computes other bits."""

import os
import sys

THREADS = "OPENBLAS_NUM_THREADS"


def require_one_thread(module: str) -> None:
    """Run this module so, unless it is: in the same process, which Ctrl-C goes on reaching."""
    if os.environ.get(THREADS) != "1":
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | {THREADS: "1"})  # noqa: S606  (no shell is wanted)
