"""A history, sorted by what it is about. Shares no code with the service."""

import base64
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

Line = Mapping[str, Any]

OVER = frozenset({"succeeded", "failed", "cancelled"})
HELD = frozenset({"running", "pausing", "cancelling"})
"""A worker has a claim on a job in such a status."""
CREATED = 201
OK = 200
GONE = 404


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What jobs of a spec must come to."""

    digest: str
    steps: int
    series: str
    points: bytes
    points_sha256: str


@dataclass(kw_only=True)
class Evidence:
    """All that a history says. What belongs to a job is by the job's id, in order."""

    part: Line = field(default_factory=dict)
    wanted: dict[str, Wanted] = field(default_factory=dict)
    calls: list[Line] = field(default_factory=list)
    calls_on: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))
    audit: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))
    rows: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))
    rows_of: dict[str, dict[str, list[Line]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(list))
    )
    others: dict[str, list[Line]] = field(default_factory=lambda: defaultdict(list))

    @property
    def jobs(self) -> dict[str, Line]:
        """The rows of jobs at the end, by id."""
        return {row["id"]: row for row in self.rows["jobs"]}

    @property
    def deleted(self) -> dict[str, float]:
        """The jobs whose row was removed, and when."""
        return {
            job: line["at"]
            for job, lines in self.audit.items()
            for line in lines
            if line["kind"] == "job_gone"
        }

    def statuses(self, job: str) -> list[tuple[float, str]]:
        """When a job came to which status, as it was committed."""
        found: list[tuple[float, str]] = []
        for line in self.audit[job]:
            if line["kind"] == "job" and (not found or found[-1][1] != line["status"]):
                found.append((line["at"], line["status"]))
        return found

    def asked(self, job: str, *acts: str) -> list[Line]:
        """The calls that asked for these acts on a job, answered or not."""
        return [call for call in self.calls_on[job] if call["act"] in acts]


def read_evidence(history: Iterable[Line]) -> Evidence:
    """Sort the lines of a history."""
    found = Evidence()
    for line in history:
        match line["what"]:
            case "part":
                found.part = line
            case "expected":
                found.wanted[line["spec"]] = Wanted(
                    digest=line["digest"],
                    steps=line["steps"],
                    series=line["series"],
                    points=base64.b64decode(line["points"]),
                    points_sha256=line["points_sha256"],
                )
            case "call":
                found.calls.append(line)
                if line["job"] is not None:
                    found.calls_on[line["job"]].append(line)
            case "audit":
                found.audit[line["job_id"]].append(line)
            case "row":
                found.rows[line["table"]].append(line)
                if line.get("job_id") is not None:
                    found.rows_of[line["table"]][line["job_id"]].append(line)
            case what:
                found.others[what].append(line)
    return found
