"""Three programs that read /openapi.json, tried on a real service: two generators of clients, and a fuzzer.

python -m benchmarks.openapi_clients; installs them from PyPI and npm into a folder that is thrown away.
Exits with 1 where one of the three does not do what it should.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2

from benchmarks.openapi_clients.fuzzing import fuzz
from benchmarks.openapi_clients.generating import python_client, typescript_types
from benchmarks.openapi_clients.tools import NODE_TOOLS, PYTHON_TOOLS, Bench, Failed
from benchmarks.service import running

Proof = Callable[[Bench], Iterator[str]]
"""Yields what it found, line by line; raises Failed."""


def main() -> int:
    """Try the three, say what each gave; 1 where one failed."""
    with tempfile.TemporaryDirectory(prefix="lockstep-openapi-") as folder, running(workers=2) as service:
        url = (service.data_dir / "url").read_text().strip()
        key = (service.data_dir / "api-key").read_text().strip()
        bench = Bench(folder=Path(folder), url=url, key=key)
        if not _holds(_installed, bench):
            return 1
        held = [_holds(proof, bench) for proof in (python_client, typescript_types, fuzz)]
    return 0 if all(held) else 1


def _installed(bench: Bench) -> Iterator[str]:
    bench.install()
    yield ", ".join(sorted((*PYTHON_TOOLS, *NODE_TOOLS)))
    document = httpx2.get(f"{bench.url}/openapi.json").raise_for_status().content
    (bench.folder / "openapi.json").write_bytes(document)
    parts = json.loads(document)
    operations = sum(len(methods) for methods in parts["paths"].values())
    schemas = len(parts["components"]["schemas"])
    yield f"/openapi.json: {len(document):,} bytes, {operations} operations, {schemas} schemas"


def _holds(proof: Proof, bench: Bench) -> bool:
    try:
        for line in proof(bench):
            print(line, flush=True)
    except Failed as failure:
        print(f"FAILED: {failure}", flush=True)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
