"""Every training job of examples/ on one worker and on two, with epochs for some seconds on one."""

import json
import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.group.figures import Figures
from benchmarks.group.served import run_ms_and_digest
from benchmarks.group.tables import table
from benchmarks.service import running
from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.loading import load_dataset
from lockstep.core.learning.training import Training
from lockstep.core.spec.job import MAX_EPOCHS
from lockstep.core.submission import parse_spec, resolve
from lockstep.core.submission.checks import MAX_STEPS

FOLDER = Path(__file__).parents[2] / "examples"
NEVER_BELOW = 0.98
TRIAL_SECONDS = 0.3
TRIAL_STEPS = 200


def measure(figures: Figures, rounds: int, seconds: float) -> None:
    """Jobs of about `seconds` on one worker, for each example that has no figures yet."""
    jobs = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
    missing = {
        name: raw for name, raw in jobs.items() if "kind" not in raw and f"examples/{name}" not in figures
    }
    if not missing:
        return
    with running(workers=2) as service:
        for name, raw in missing.items():
            print(f"examples/{name} ...", file=sys.stderr, flush=True)
            longer, steps = lengthened(raw, seconds)
            millis: dict[str, list[float]] = {"1": [], "2": []}
            digests = set()
            for _ in range(rounds):
                for workers in (1, 2):
                    took, digest = run_ms_and_digest(service, longer | {"workers": workers})
                    millis[str(workers)].append(took)
                    digests.add(digest)
            if len(digests) != 1:
                raise RuntimeError(f"{name}: one and two workers have different digests")
            figures.put(
                f"examples/{name}",
                {"run_ms": millis, "steps": steps, "shards": longer["shards"], "load": os.getloadavg()[0]},
            )


def lengthened(raw: dict[str, Any], seconds: float) -> tuple[dict[str, Any], int]:
    """An example without rules to stop, in 2 shards at least, with epochs for so long; and its steps."""
    raw = {name: value for name, value in raw.items() if name not in ("stop", "workers")}
    spec = resolve(parse_spec(raw), lambda: 1)
    raw |= {"shards": max(2, spec.shards)}
    trial = resolve(parse_spec(raw | {"epochs": 100_000}), lambda: 1)
    training = Training(trial, load_dataset(trial), SoloGroup())
    training.advance(TRIAL_STEPS)
    begin, first = time.perf_counter(), training.step
    while (took := time.perf_counter() - begin) < TRIAL_SECONDS and not training.finished:
        training.advance(TRIAL_STEPS)
    per_epoch = training.steps // trial.epochs
    wanted = seconds * (training.step - first) / took
    epochs = max(1, min(math.ceil(wanted / per_epoch), MAX_EPOCHS, MAX_STEPS // per_epoch))
    return raw | {"epochs": epochs}, epochs * per_epoch


def report(figures: Figures) -> str:
    """Seconds of each, the ratio of each round, and the aim."""
    rows, lines = [], []
    for key in figures.keys("examples/"):
        name, record = key.partition("/")[2], figures[key]
        one, two = record["run_ms"]["1"], record["run_ms"]["2"]
        ratio = float(np.median(np.divide(one, two)))
        rows.append(
            [
                name,
                f"{record['steps']:,}",
                str(record["shards"]),
                *(f"{np.median(ms) / 1000:.2f} ({min(ms) / 1000:.2f})" for ms in (one, two)),
                f"{ratio:.3g}",
            ]
        )
        if ratio < NEVER_BELOW:
            lines.append(f"- **missed**: {name}, two workers {ratio:.3g} of one (aim {NEVER_BELOW:g})")
    heads = ["examples", "steps", "shards", "s, one worker: median (best)", "two workers", "speed of one"]
    return "\n\n".join((table(heads, rows), "\n".join(lines) or f"- reached: none below {NEVER_BELOW:g}"))
