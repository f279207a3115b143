"""schemathesis against the service, to its end, within bounds of time and memory."""

import re
from collections.abc import Iterator

from benchmarks.openapi_clients.tools import Bench, Failed, last_lines

MAX_SECONDS = 240.0
MAX_BYTES = 500 * 2**20
CASES = re.compile(r"^Test cases:\n\s+(.+)$", re.MULTILINE)


def fuzz(bench: Bench) -> Iterator[str]:
    """All phases and all checks; raises Failed where one finds something, or a bound is passed."""
    bench.put("fewer_cases.py")
    command = [bench.tool("schemathesis"), "--config-file", bench.put("schemathesis.toml"), "run"]
    key = ["--header", f"Authorization: Bearer {bench.key}"]
    ran = bench.run([*command, *key, f"{bench.url}/openapi.json"], most_seconds=MAX_SECONDS)
    cases = CASES.search(ran.output)
    if ran.exit_status != 0 or cases is None:
        raise Failed(f"schemathesis exited with {ran.exit_status}:\n{last_lines(ran.output)}")
    yield f"schemathesis: {cases[1]}; {ran.cost}"
    if ran.peak_bytes > MAX_BYTES:
        raise Failed(f"schemathesis: expected at most {MAX_BYTES / 2**20:.0f} MiB")
