"""From POST until a GET says that the job is over, beside a Celery task that does nothing.

python -m benchmarks.latency [JOBS]
"""

import sys
import time

from benchmarks.noop import noop_queue
from benchmarks.report import environment, spread
from benchmarks.service import running
from lockstep.service.client import Client
from lockstep.service.examples import example

PAUSE_SECONDS = 0.002
"""Between two GETs: a client's polling takes from the same cores as the worker."""

LINE = example("line")
LEARNED = {"a": 2.00000078438591, "b": 3.9999987308369374}


def job_ms(client: Client) -> float:
    """One job; what it learned is checked."""
    start = time.perf_counter()
    job = client.create_job(LINE)
    while not job["is_terminal"]:
        time.sleep(PAUSE_SECONDS)
        job = client.job(job["id"])
    elapsed = (time.perf_counter() - start) * 1000
    if job["result"]["parameters"] != LEARNED:
        raise RuntimeError(f"expected {LEARNED}, got {job['result']}, {job['error']}")
    return elapsed


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    with running(workers=2) as service, noop_queue() as queue:
        for _ in range(5):
            job_ms(service.client)
        pairs = [(job_ms(service.client), queue.round_trip_ms()) for _ in range(jobs)]
    print(environment())
    print("line job, 1000 epochs: ", spread([job for job, _ in pairs], "ms"))
    print("Celery no-op task:     ", spread([noop for _, noop in pairs], "ms"))


if __name__ == "__main__":
    main()
