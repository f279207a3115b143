"""Every training job of examples/ on one worker and on two, as the lead's own measuring decides.

    python -m benchmarks.helping [SECONDS [ROUNDS [NAME ...]]]

The epochs are raised until a job takes about SECONDS (5) on one worker, with two shards at least. A
job's time is its `run_ms`; one and two workers take turns, and the digests must agree. A ratio below 1
means that two workers were slower.
"""

import json
import statistics
import sys
from pathlib import Path
from typing import Any

from benchmarks.report import environment
from benchmarks.service import finish, running
from lockstep.service.client import Client

EXAMPLES = Path(__file__).parents[1] / "examples"
PROBE_SECONDS = 0.4
MAX_EPOCHS = 1_000_000


def jobs() -> dict[str, dict[str, Any]]:
    """The examples that train, by name, with nothing that ends them early."""
    found = {}
    for path in sorted(EXAMPLES.glob("*.json")):
        spec = json.loads(path.read_text())
        if spec.get("kind", "train") == "train":
            found[path.stem] = {key: value for key, value in spec.items() if key != "stop"}
    return found


def lengthened(client: Client, spec: dict[str, Any], seconds: float) -> dict[str, Any]:
    """The job with as many epochs as take so long on one worker, and two shards at least."""
    spec = {**spec, "workers": 1}
    shards = client.validate(spec)["spec"]["shards"]
    spec["shards"] = max(shards, 2)
    while True:
        ran = finish(client, client.create_job(spec)["id"])["timings"]["run_ms"] / 1000
        epochs = spec.get("epochs", 10)
        if ran >= PROBE_SECONDS or epochs == MAX_EPOCHS:
            return {**spec, "epochs": max(1, min(MAX_EPOCHS, round(epochs * seconds / ran)))}
        spec["epochs"] = min(MAX_EPOCHS, int(epochs * min(100, 2 * PROBE_SECONDS / ran)))


def measured(client: Client, spec: dict[str, Any], workers: int) -> tuple[float, dict[str, Any]]:
    """The seconds of a run on up to so many workers, and the job."""
    job = finish(client, client.create_job({**spec, "workers": workers})["id"])
    return job["timings"]["run_ms"] / 1000, job


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    names = sys.argv[3:] or list(jobs())
    print(environment())
    print(f"{'job':<16}{'one':>8}{'two':>8}{'ratio':>8}{'worst':>8}  most, advised: what was found out")
    with running(2) as service:
        for name in names:
            spec = lengthened(service.client, jobs()[name], seconds)
            pairs, last = [], dict[str, Any]()
            for _ in range(rounds):
                alone, job = measured(service.client, spec, 1)
                helped, last = measured(service.client, spec, 2)
                if job["result"]["weights_sha256"] != last["result"]["weights_sha256"]:
                    raise RuntimeError(f"{name}: one and two workers have other weights")
                pairs.append((alone, helped))
            ratios = [one / two for one, two in pairs]
            one, two = (statistics.median(times) for times in zip(*pairs, strict=True))
            found = service.client.events(last["id"])["data"]
            said = "; ".join(event["message"] for event in found if event["type"] == "workers_advised")
            most, advised = last["workers"]["most"], last["workers"]["advised"]
            print(
                f"{name:<16}{one:>8.2f}{two:>8.2f}{statistics.median(ratios):>8.3f}{min(ratios):>8.3f}"
                f"  {most}, {advised}: {said}",
                flush=True,
            )


if __name__ == "__main__":
    main()
