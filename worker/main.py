"""`lockstep worker`, also `python -m lockstep.worker.main`: one worker, until SIGTERM.

The main process runs Celery, the reconciler and the watch over its pool child; the child trains. Whatever may
import NumPy is imported after `pin_blas_threads`, so nothing of it is imported up here.
"""

import os
import sys

BLAS_VARIABLES = (
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


def pin_blas_threads() -> None:
    """Give BLAS one thread, here and in the pool child: more would change the bits of a matrix product.

    BLAS reads these variables once, when NumPy is first imported.
    """
    os.environ.update(dict.fromkeys(BLAS_VARIABLES, "1"))


def main() -> int:
    """Run a worker in this process; returns the exit status."""
    pin_blas_threads()
    from lockstep.worker.parent import CannotStart, run

    try:
        return run()
    except CannotStart as error:
        sys.stderr.write(f"error: {error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
