"""What many specs compute, bit for bit, and what the API says of itself: before a change and after it.

    python -m benchmarks.bits record FILE [PATTERN ...]
    python -m benchmarks.bits compare FILE [PATTERN ...]

Each digest covers every number of a run's series (losses, learning rates, gradient norms, ...), its weights
and the optimizer's state; a run alone goes on from a checkpoint halfway. The crossed specs (crossed.py) are
run for some steps. The drawn ones (drawn.py) have every word that a spec can have, and `record` refuses where
one is missing. They are run to their end, result included, by one member and by groups of two and three; what
is stored of such a spec has a digest, too. They stand in the file: a later version runs the same ones.

A pattern chooses among the names; "openapi.json" is one of them. One thread, as a worker has it; files of
different numerics fingerprints can't be compared.
"""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.bits.core import create_app, numerics_fingerprint, read_settings
from benchmarks.bits.crossed import crossed_specs
from benchmarks.bits.drawn import drawn_specs
from benchmarks.bits.runs import (
    Spec,
    digest_alone,
    digest_of_beginning,
    digest_of_spec,
    digest_together,
    members_of,
)
from benchmarks.bits.words import missing

ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
OPENAPI = "openapi.json"
ALL = ["*"]


def main(given: Sequence[str]) -> int:
    """Record, or compare: 1 where something differs."""
    if any(os.environ.get(name) != number for name, number in ONE_THREAD.items()):
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.bits", *given], os.environ | ONE_THREAD)
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bits")
    parser.add_argument("what", choices=("record", "compare"))
    parser.add_argument("file", type=Path)
    parser.add_argument(
        "patterns", nargs="*", default=ALL, help='of names, such as "small adam*"; default all'
    )
    wanted = parser.parse_args(given)
    if wanted.what == "record":
        return _record(wanted.file, wanted.patterns)
    return _compare(wanted.file, wanted.patterns)


def _record(file: Path, patterns: Sequence[str]) -> int:
    drawn = dict(drawn_specs())
    if words := missing(list(drawn.values())):
        raise SystemExit("no drawn spec has these words, add them to benchmarks/bits: " + ", ".join(words))
    kept: dict[str, Any] = {
        "fingerprint": numerics_fingerprint(),
        "digests": dict(_digests(drawn, patterns)),
        "specs": drawn,
        OPENAPI: openapi(),
    }
    file.write_text(json.dumps(kept, indent=0) + "\n")
    digests: dict[str, str] = kept["digests"]
    for name, digest in digests.items():
        alone = digests.get(f"{name.rpartition(' by ')[0]} alone", digest)
        if digest != alone:
            print(f"{name}: other bits than alone")
    print(f"{len(kept['digests'])} digests recorded")
    return 0


def _compare(file: Path, patterns: Sequence[str]) -> int:
    known = json.loads(file.read_text())
    if known["fingerprint"] != numerics_fingerprint():
        raise SystemExit(
            "the file was recorded on other numerics (NumPy, BLAS or processor): nothing to compare"
        )
    found, other = 0, 0
    for name, digest in _digests(known["specs"], patterns):
        found += 1
        if known["digests"].get(name) != digest:
            other += 1
            print(f"{name}: other bits", flush=True)
    print(f"{found - other} of {found} digests are the same")
    places = list(differing(known[OPENAPI], openapi())) if _chosen(OPENAPI, patterns) else []
    print("".join(f"{OPENAPI}{place}\n" for place in places), end="")
    return 1 if other or places else 0


def _digests(drawn: Mapping[str, Spec], patterns: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The digests by name, of those that a pattern chooses."""
    for name, take in _works(drawn):
        if _chosen(name, patterns):
            try:
                digest = take()
            except Exception as error:  # whatever a change has broken: the others are looked at all the same
                digest = f"{type(error).__name__}: {error}"
                print(f"{name}: {digest}", flush=True)
            yield name, digest


def _works(drawn: Mapping[str, Spec]) -> Iterator[tuple[str, Callable[[], str]]]:
    for name, raw in crossed_specs():
        yield name, partial(digest_of_beginning, raw)
    for name, raw in drawn.items():
        yield f"{name} as stored", partial(digest_of_spec, raw)
        yield f"{name} alone", partial(digest_alone, raw)
        for members in members_of(raw):
            yield f"{name} by {members}", partial(digest_together, raw, members)


def _chosen(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def openapi() -> dict[str, Any]:
    """What the service says of its API, as JSON."""
    document: dict[str, Any] = json.loads(json.dumps(create_app(read_settings(from_file=False)).openapi()))
    return document


def differing(before: Any, after: Any, place: str = "") -> Iterator[str]:
    """The places, as JSON pointers, where two documents are not the same, and how."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            at = f"{place}/{key.replace('~', '~0').replace('/', '~1')}"
            if key not in after:
                yield f"{at}: gone"
            elif key not in before:
                yield f"{at}: new"
            else:
                yield from differing(before[key], after[key], at)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, pair in enumerate(zip(before, after, strict=True)):
            yield from differing(*pair, f"{place}/{index}")
    elif before != after:
        yield f"{place}: {_short(before)} became {_short(after)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
