"""What must be so before NumPy is imported."""

import subprocess
import sys
from pathlib import Path

from lockstep.worker.main import BLAS_VARIABLES

ROOT = Path(__file__).parents[2]


def run(code: str) -> str:
    command = [sys.executable, "-c", code]
    return subprocess.check_output(command, cwd=ROOT, text=True, timeout=30).strip()


def test_importing_the_entry_point_does_not_import_numpy() -> None:
    assert run("import sys, worker.main; print('numpy' in sys.modules)") == "False"


def test_blas_gets_one_thread_whatever_the_environment_says() -> None:
    printed = run(
        "import os; os.environ['OMP_NUM_THREADS'] = '8'; import worker.main as m; m.pin_blas_threads(); "
        "print(*(os.environ[name] for name in m.BLAS_VARIABLES))"
    )

    assert printed.split() == ["1"] * len(BLAS_VARIABLES)
