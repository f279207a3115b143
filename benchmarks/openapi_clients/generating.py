"""Clients generated from /openapi.json, and programs that use them."""

import json
from collections.abc import Iterator

from benchmarks.openapi_clients.tools import Bench, Failed, Ran


def python_client(bench: Bench) -> Iterator[str]:
    """openapi-python-client: all operations, no warning; four jobs by its client. Raises Failed."""
    generator = [bench.tool("openapi-python-client"), "generate", "--fail-on-warning", "--meta", "none"]
    ran = bench.check([*generator, "--path", "openapi.json", "--output-path", "lockstep_client"])
    client = bench.folder / "lockstep_client"
    made = {module.stem for module in (client / "api").glob("*/*.py")} - {"__init__"}
    if missing := _operations(bench) - made:
        raise Failed(f"openapi-python-client left out {sorted(missing)}")
    models = len(list((client / "models").glob("*.py"))) - 1
    yield f"openapi-python-client: {len(made)} operations, {models} models, no warning; {ran.cost}"
    program = [str(bench.python), bench.put("generated_client.py")]
    yield from _indented(bench.check(program, given=f"{bench.url}\n{bench.key}\n"))


def typescript_types(bench: Bench) -> Iterator[str]:
    """openapi-typescript without a flag; two jobs by a program of these types. Raises Failed."""
    ran = bench.check([bench.node_tool("openapi-typescript"), "openapi.json", "-o", "api.d.ts"])
    lines = len((bench.folder / "api.d.ts").read_text().splitlines())
    yield f"openapi-typescript: {lines:,} lines of types; {ran.cost}"
    compiler = [bench.node_tool("tsc"), "--strict"]
    checked = bench.check([*compiler, "--target", "es2022", "--module", "nodenext", bench.put("jobs.mts")])
    yield f"    tsc --strict: no complaint; {checked.cost}"
    yield from _indented(bench.check(["node", "jobs.mjs", bench.url, bench.key]))


def _operations(bench: Bench) -> set[str]:
    document = json.loads((bench.folder / "openapi.json").read_bytes())
    return {each["operationId"] for methods in document["paths"].values() for each in methods.values()}


def _indented(ran: Ran) -> Iterator[str]:
    yield from (f"    {line}" for line in ran.output.splitlines())
