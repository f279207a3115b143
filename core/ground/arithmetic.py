"""The number of Lockstep's own arithmetic.

What a spec computes follows from the spec, the machine's numerics and this version's rules. The machine's
numerics have a fingerprint; the rules have a number. A change that gives some spec other weights, another
record or another end raises it and says so in core/spec/changes.py. Then an unfinished job of an older
number begins again (two rules are never mixed under one digest), and the steps of a finished one are computed
again only where none of the changes touches its spec.

The number is part of the fingerprint that workers show: so a worker of another version, which knows nothing
of numbers perhaps, neither goes on with a job nor helps with one that was begun by other rules.
"""

import hashlib

ARITHMETIC = 2
FIRST_ARITHMETIC = 1
"""That of the versions which kept no number."""


def advanced(fingerprint: str, number: int, to: int = ARITHMETIC) -> str:
    """What a machine that shows `fingerprint` under `number` shows under `to`, which is no older."""
    for later in range(number + 1, to + 1):
        fingerprint = hashlib.sha256(f"{fingerprint} {later}".encode()).hexdigest()
    return fingerprint


def lineage(machine: str) -> tuple[str, ...]:
    """The fingerprints of a machine's numerics under each number, from the first to this version's."""
    numbers = range(FIRST_ARITHMETIC, ARITHMETIC + 1)
    return tuple(advanced(machine, FIRST_ARITHMETIC, number) for number in numbers)
