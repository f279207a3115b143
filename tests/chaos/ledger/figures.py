"""What a history shows in numbers: what was injected, what of it hit, and how long things took. Pure."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.ledger.evidence import OK, OVER, Evidence, Line
from tests.chaos.ledger.faults import BROKER_FAULTS, FREEZES, KILLS

JUST = 0.05
"""Seconds within which two clocks, or two looks, may differ."""
AROUND_SECONDS = 1.0
LOST = ("kill child", "kill worker", *FREEZES)
"""Faults that take a job from its lead."""
EFFECTS = {"cancel": "cancelled", "pause": "paused"}


@dataclass(kw_only=True)
class Tally:
    """Sums over one part or more; `seconds` are the single times, by what they are of."""

    parts: int = 0
    injected: Counter[str] = field(default_factory=Counter)
    hit: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)
    seen: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)

    def add(self, other: "Tally") -> None:
        """Take another's into this."""
        self.parts += other.parts
        for name in ("injected", "hit", "jobs", "calls", "seen"):
            getattr(self, name).update(getattr(other, name))
        for name, times in other.seconds.items():
            self.seconds.setdefault(name, []).extend(times)

    def to_json(self) -> dict[str, Any]:
        """As a state file keeps it."""
        return {
            "parts": self.parts,
            **{name: dict(getattr(self, name)) for name in ("injected", "hit", "jobs", "calls", "seen")},
            "seconds": {name: [round(one, 4) for one in times] for name, times in self.seconds.items()},
        }

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> "Tally":
        """What `to_json` gave."""
        counters = {name: Counter(told[name]) for name in ("injected", "hit", "jobs", "calls", "seen")}
        return cls(parts=told["parts"], seconds=told["seconds"], **counters)


def tally(evidence: Evidence) -> Tally:
    """The numbers of a part."""
    found = Tally(parts=1)
    for line in evidence.others["fault"]:
        found.injected[line["fault"]] += 1
        if _has_hit(evidence, line):
            found.hit[line["fault"]] += 1
    for row in evidence.rows["jobs"]:
        found.jobs[row["status"]] += 1
        found.jobs[f"of {row['name']}"] += 1
    for call in evidence.calls:
        answered = "unanswered" if call["status"] is None else str(call["status"])
        found.calls[f"{call['act']} {answered}"] += 1
    found.seen["fenced"] = sum("action=fenced" in line["line"] for line in evidence.others["log"])
    found.seen["refused by the database"] = sum(
        "is over (evicted" in line["line"] for line in evidence.others["log"]
    )
    found.seen["evicted"] = sum(row["outcome"] == "evicted" for row in evidence.rows["attempts"])
    found.seen["attempts"] = len(evidence.rows["attempts"])
    found.seconds = {
        "from a death to the next committed step": _to_the_next_step(evidence),
        "POST": [
            call["seconds"] for call in evidence.calls if call["act"] == "create" and call["status"] == 201
        ],
        **{f"until {act} took effect": _to_effect(evidence, act) for act in EFFECTS},
    }
    return found


def _has_hit(evidence: Evidence, fault: Line) -> bool:
    """Whether a fault has met something that was going on."""
    name = fault["fault"]
    if fault.get("in_transaction"):
        return True
    if name in LOST:
        return _lost(evidence, fault.get("job"), fault.get("attempt"), fault["at"])
    if name == "drain worker":
        return "job" in fault
    if name in ("kill service", "stop postgresql") and fault["held"]:
        return True
    if name in (*BROKER_FAULTS, "end backend"):
        until = fault["at"] + fault.get("seconds", 0.0) + AROUND_SECONDS
        accepted = (call for call in evidence.calls if call["act"] == "create" and call["status"] == 201)
        return name == "end backend" or any(
            fault["at"] - AROUND_SECONDS < call["at"] < until for call in accepted
        )
    return any(_was_cut(call, fault["at"], fault.get("seconds", 0.0)) for call in evidence.calls)


def _lost(evidence: Evidence, job: str | None, attempt: int | None, at: float) -> bool:
    return job is not None and any(
        line["kind"] == "attempt_end"
        and line["attempt"] == attempt
        and line["status"] == "evicted"
        and line["at"] > at - JUST
        for line in evidence.audit[job]
    )


def _was_cut(call: Line, at: float, seconds: float) -> bool:
    """Whether a call was under way, and came to nothing."""
    failed = call["status"] is None or call["status"] >= 500
    return bool(failed and call["asked_at"] < at + seconds + AROUND_SECONDS and call["at"] > at - JUST)


def _to_the_next_step(evidence: Evidence) -> list[float]:
    """From each kill of a lead to the next step, or end, that its job commits."""
    times = []
    for fault in evidence.others["fault"]:
        if fault["fault"] not in KILLS or not _has_hit(evidence, fault):
            continue
        struck = fault.get("held", [[fault.get("job"), fault.get("attempt")]])
        for job, attempt in struck:
            at = _next_step_at(evidence.audit[job], attempt) if job is not None else None
            if at is not None:
                times.append(max(0.0, at - fault["at"]))
    return times


def _next_step_at(lines: Sequence[Line], attempt: int) -> float | None:
    """When a later attempt committed a step; None where it never did, or its user had it wait before."""
    step: int | None = None
    for line in lines:
        if line["kind"] != "job" or line["attempt"] <= attempt:
            continue
        if line["status"] == "paused":
            return None
        if line["status"] in OVER or (step is not None and line["step"] > step):
            at: float = line["at"]
            return at
        # A claim goes on from the checkpoint: that is no step yet.
        step = line["step"]
    return None


def _to_effect(evidence: Evidence, act: str) -> list[float]:
    times = []
    for job in evidence.jobs:
        calls = [call for call in evidence.asked(job, act) if call["status"] == OK]
        reached = [at for at, status in evidence.statuses(job) if status == EFFECTS[act]]
        if calls and reached and reached[0] >= calls[0]["asked_at"] - JUST:
            times.append(max(0.0, reached[0] - calls[0]["asked_at"]))
    return times


def percentile(times: Iterable[float], share: float) -> float:
    """The value below which that share of the times lies; NaN of none."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


def lines_of(found: Tally) -> list[str]:
    """The numbers in words."""
    kills = sum(found.injected[name] for name in KILLS)
    faults = ", ".join(
        f"{name} {found.injected[name]} ({found.hit[name]} hit)" for name in sorted(found.injected)
    )
    posts = sum(count for name, count in found.calls.items() if name.split()[0] in ("create", "reuse"))
    total = sum(count for name, count in found.jobs.items() if not name.startswith("of "))
    given_up = f"{found.jobs['failed']} of them given up after three deaths without a later checkpoint"
    return [
        f"{found.parts} parts, {total} jobs ({_listed(found.jobs)}), {given_up}",
        f"faults: {faults or 'none'}; kills in all {kills}",
        f"{posts} POSTs; calls: {_listed(found.calls)}",
        f"attempts {found.seen['attempts']}, evicted {found.seen['evicted']}; holders stopped by a fence"
        f" {found.seen['fenced']}, writes refused by the database {found.seen['refused by the database']}",
        *(
            f"{name}: {len(times)} times, median {percentile(times, 0.5):.3f} s,"
            f" 99th percentile {percentile(times, 0.99):.3f} s"
            for name, times in sorted(found.seconds.items())
            if times
        ),
    ]


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items()) if count) or "none"
