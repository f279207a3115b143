"""POST, 304 and a long history, of one API process; POST beside a bare FastAPI insert, interleaved.

python -m benchmarks.requests [--postgresql URL] [--rounds N] [--seconds S] [--clients N]
"""

import argparse
import json
import statistics
import tempfile
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from benchmarks.report import environment, spread
from benchmarks.requests import serving
from benchmarks.requests.load import Load, Request, run
from lockstep.service.examples import example

POINTS = 1_000_000
KEY = {"Authorization": f"Bearer {serving.KEY}", "Content-Type": "application/json"}


def main() -> None:
    """Measure on SQLite, and on PostgreSQL where its address is given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--postgresql", help="address of an empty database, whose server has fsync on")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each side in a round")
    parser.add_argument("--clients", type=int, default=8)
    asked = parser.parse_args()
    print(environment())
    with tempfile.TemporaryDirectory(prefix="requests-") as folder:
        urls = {"SQLite": f"sqlite:///{Path(folder) / 'lockstep.db'}"}
        if asked.postgresql:
            urls["PostgreSQL"] = asked.postgresql
        for name, url in urls.items():
            print(f"\n{name}, {asked.clients} clients, {asked.rounds} rounds of {asked.seconds:g} s")
            _measure(url, asked)


def _measure(url: str, asked: argparse.Namespace) -> None:
    with ExitStack() as stack:
        ours, theirs = stack.enter_context(serving.api(url)), stack.enter_context(serving.bare(_beside(url)))
        body = json.dumps(example("line")).encode()
        post = Request(method="POST", url=f"{ours}/v1/jobs", headers=KEY, body=body, expects=201)
        bare = Request(method="POST", url=f"{theirs}/rows", headers=KEY, body=body, expects=201)
        job_id = _post(post)
        _fill_history(url, job_id)
        _compare_posts(post, bare, asked)
        tagged = KEY | {"If-None-Match": _tag(f"{ours}/v1/jobs/{job_id}")}
        seen = Request(method="GET", url=f"{ours}/v1/jobs/{job_id}", headers=tagged, expects=304)
        rounds = [run(seen, asked.clients, asked.seconds) for _ in range(asked.rounds)]
        _tell("304 of a job", rounds)
        history = f"{ours}/v1/jobs/{job_id}/history?series=loss&max_points=2000"
        asks = Request(method="GET", url=history, headers=KEY)
        taken = run(asks, 1, asked.seconds).milliseconds
        print(f"history of {POINTS:,} points at max_points=2000: {spread(taken, 'ms')}")


def _compare_posts(post: Request, bare: Request, asked: argparse.Namespace) -> None:
    for request in (post, bare):
        run(request, asked.clients, 0.5)
    pairs = [
        (run(post, asked.clients, asked.seconds), run(bare, asked.clients, asked.seconds))
        for _ in range(asked.rounds)
    ]
    _tell("POST of a job", [ours for ours, _ in pairs])
    _tell("bare FastAPI insert", [theirs for _, theirs in pairs])
    ratios = [ours.per_second / theirs.per_second for ours, theirs in pairs]
    print(f"ours / bare: {spread(ratios, '')} (aim 0.5)")


def _tell(what: str, rounds: list[Load]) -> None:
    rate = statistics.median(each.per_second for each in rounds)
    taken = [each for load in rounds for each in load.milliseconds]
    p50, p99 = np.percentile(taken, [50, 99])
    print(f"{what}: {rate:.0f} a second; median {p50:.2f} ms, 99th percentile {p99:.2f} ms")


def _beside(url: str) -> str:
    """Where the bare rows go: a file of their own on the same disk, or a table on the same server."""
    return f"{url}-bare" if url.startswith("sqlite") else url


def _post(post: Request) -> str:
    request = urllib.request.Request(post.url, data=post.body, headers=dict(post.headers))  # noqa: S310
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        job_id: str = json.load(answer)["id"]
        return job_id


def _tag(url: str) -> str:
    with urllib.request.urlopen(urllib.request.Request(url, headers=KEY)) as answer:  # noqa: S310
        return str(answer.headers["ETag"])


def _fill_history(url: str, job_id: str) -> None:
    """As a worker would have written it: under a claim, in pieces of a second or so."""
    from lockstep.core.learning.report import Points
    from lockstep.service.store import history, leases
    from lockstep.service.store.claims import WorkerIdentity, lock
    from lockstep.service.store.database import Database

    worker = WorkerIdentity(worker_id="worker_b", pid=1, host="here", fingerprint="f" * 64)
    database = Database(url)
    with database.write() as tx:
        claim = leases.claim_next(tx, worker, 3600.0)
    if claim is None or claim.job_id != job_id:
        raise RuntimeError(f"expected to claim {job_id}, got {claim}")
    values = np.random.default_rng(1).random(POINTS)
    for start in range(0, POINTS, 50_000):
        steps = np.arange(start, start + 50_000)
        with database.write() as tx:
            history.append(
                lock(tx, claim), {"loss": Points(steps=steps, values=values[start : start + 50_000])}
            )
    database.dispose()


if __name__ == "__main__":
    main()
