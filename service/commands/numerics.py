"""`lockstep doctor --numerics`: which parts of this machine decide the bits, and which variable pins each."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockstep.service.commands.access import CommandError
from lockstep.service.local.commands import module_command
from lockstep.service.parts import CORE_TYPE, FEATURES, NAMES, PINS, SHOWN_DIGITS, TUNABLES

SECONDS = 60.0
WITHOUT_FMA = "glibc.cpu.hwcaps=-FMA"
BASELINE = "X86_V3"
"""What NumPy dispatches to on every x86 processor of the last ten years."""


@dataclass(frozen=True, kw_only=True)
class Numerics:
    """What a process of this machine computes with, under some environment."""

    fingerprint: str
    parts: Mapping[str, str]
    numpy: str
    blas: str
    core: str
    found: tuple[str, ...]


def numerics(**changes: str) -> Numerics:
    """As a worker sees them that is started with these variables; in a process of its own."""
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", **changes}
    done = subprocess.run(  # noqa: S603  (this module)
        module_command(__name__),
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise CommandError(f"NumPy can't be loaded: {(done.stderr.strip().splitlines() or ['?'])[-1]}")
    told = json.loads(done.stdout)
    return Numerics(**{**told, "found": tuple(told["found"])})


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of the things that decide the bits; `pin` is the variable that chooses it, `value` what it says."""

    sha256: str
    what: str
    pin: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a variable would alter here: the names of parts."""

    pin: str
    value: str
    moves: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What decides this machine's bits."""

    fingerprint: str
    parts: Mapping[str, Part]
    changes: tuple[Change, ...]


def report() -> Report:
    """The parts of this machine, and what each variable would change here."""
    here = numerics()
    what = {
        "blas": f"{here.blas}, {here.core}",
        "numpy": f"{here.numpy}, {' '.join(here.found) or 'no dispatch'}",
        "c_library": " ".join(platform.libc_ver()) or platform.system(),
    }
    parts = {
        name: Part(sha256=here.parts[name], what=what[name], pin=pin, value=os.environ.get(pin) or None)
        for name, pin in PINS.items()
    }
    changes = []
    for pin, value in changes_for(here).items():
        there = numerics(**{pin: value})
        moves = tuple(name for name in PINS if there.parts[name] != here.parts[name])
        changes.append(Change(pin=pin, value=value, moves=moves))
    return Report(fingerprint=here.fingerprint, parts=parts, changes=tuple(changes))


def lines(found: Report) -> Iterator[str]:
    """What to print: the parts, what each variable would change here, and what makes a mixed fleet one."""
    yield f"fingerprint {found.fingerprint[:SHOWN_DIGITS]}: workers that show the same compute the same bits"
    for name, part in found.parts.items():
        pinned = f"{part.pin}={part.value}" if part.value else f"{part.pin} is not set"
        yield f"  {NAMES[name]:<10} {part.sha256[:SHOWN_DIGITS]}  {part.what}; {pinned}"
    yield "What each variable changes here:"
    for change in found.changes:
        moved = ", ".join(NAMES[name] for name in change.moves)
        yield f"  {change.pin}={_quoted(change.value)}: {moved or 'nothing'}"
    yield "NumPy calls the C library too. Where machines show different hashes, give all workers the same"
    yield "value of the variable of that line, one that each of them can compute with; then compare again."


def changes_for(here: Numerics) -> dict[str, str]:
    """Values that every x86 processor of the last ten years has, and for the C library even older ones."""
    above = " ".join(feature for feature in here.found if feature not in (BASELINE, "X86_V2"))
    changes = {CORE_TYPE: "Haswell", FEATURES: above, TUNABLES: WITHOUT_FMA}
    return {name: value for name, value in changes.items() if value}


def _quoted(value: str) -> str:
    return f'"{value}"' if " " in value else value


def _tell() -> None:
    """Print what this process computes with."""
    import numpy as np

    from lockstep.core.ground.arithmetic import lineage
    from lockstep.core.group.fingerprint import blas_core, numerics_fingerprint, numerics_parts

    shown = np.show_config(mode="dicts")
    blas = shown["Build Dependencies"]["blas"]
    told = {
        "fingerprint": lineage(numerics_fingerprint())[-1],
        "parts": numerics_parts(),
        "numpy": np.__version__,
        "blas": f"{blas['name']} {blas['version']}",
        "core": blas_core(),
        "found": shown["SIMD Extensions"].get("found", []),
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    _tell()
