"""python -m tests.other_kernels [ARGUMENTS OF PYTEST]: the tests of equal bits under a second set of kernels.

Where two ways to compute something give the same bits with this machine's kernels, others may add in another
order or round at other places. BLAS and NumPy choose their kernels when they are loaded; so all runs in
processes of its own, whose environment names them. Exits with pytest's status.
"""

import os
import subprocess
import sys
from collections.abc import Sequence

from lockstep.service.commands.numerics import BASELINE, Numerics, numerics
from lockstep.service.parts import CORE_TYPE, FEATURES

WITHOUT_AVX512, WITH_AVX512, WITHOUT_FMA = "Haswell", "SkylakeX", "Nehalem"


def choices(found: Sequence[str]) -> list[dict[str, str]]:
    """The environments of other kernels, where NumPy can dispatch to what it has `found`; the best first."""
    newer = [feature for feature in found if feature not in ("X86_V2", BASELINE)]
    sets = []
    if newer:
        sets.append({CORE_TYPE: WITHOUT_AVX512, FEATURES: " ".join(newer)})
        sets.append({CORE_TYPE: WITH_AVX512, FEATURES: ""})
    if BASELINE in found:
        sets.append({CORE_TYPE: WITHOUT_FMA, FEATURES: " ".join([BASELINE, *newer])})
    return sets


def second_set(here: Numerics) -> dict[str, str] | None:
    """The first that computes other bits than this process; None where the machine has no other kernels."""
    found = numerics(**{FEATURES: ""}).found
    return next((each for each in choices(found) if numerics(**each).fingerprint != here.fingerprint), None)


def main(arguments: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    kernels = second_set(numerics())
    if kernels is None:
        sys.stderr.write("expected a second set of kernels on this machine, found none; run it on x86-64\n")
        return 1
    sys.stderr.write("".join(f'{name}="{value}"\n' for name, value in kernels.items()))
    command = [sys.executable, "-m", "pytest", "-m", "bits", *arguments]
    return subprocess.run(command, env={**os.environ, **kernels}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
