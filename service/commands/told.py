"""What a job says beside its numbers: whether it reached its goal, its findings, who worked at it."""

from __future__ import annotations

from typing import Any

from lockstep.service.client import Client
from lockstep.service.commands.paging import all_of

MAX_EVENT_PAGES = 20
"""Of 100 events each: beyond that, what is said of a job is in its events, not in a summary."""


def events_of(client: Client, job_id: str) -> list[dict[str, Any]]:
    """The events of a job, oldest first."""
    return all_of(client.events, job_id, MAX_EVENT_PAGES)


def finding_lines(events: list[dict[str, Any]]) -> list[str]:
    """Each finding in a line: what it is, of which layer, at which step, and its sentence."""
    findings = (event for event in events if event["type"] == "finding")
    return [f"finding   {_name(finding['data'])}: {finding['message']}" for finding in findings]


def workers_line(job: dict[str, Any]) -> str:
    """Who works at a job now, or who did, and how many are worth it."""
    workers = job["workers"]
    wanted, most, advised = workers["wanted"], workers["most"], workers["advised"]
    is_auto = (job.get("spec") or {}).get("workers") == "auto"
    if not job["is_terminal"]:
        told = f"{workers['active']} of {'at most ' if is_auto else ''}{wanted}"
    elif job["started_at"] is None:
        told = f"none, {wanted} wanted"
    else:
        told = f"{most}" if most >= wanted or is_auto else f"{most} at most, {wanted} wanted"
    return f"workers   {told}{'' if advised is None else f' ({advised} advised)'}"


def verdict_lines(job: dict[str, Any], events: list[dict[str, Any]]) -> list[str]:
    """Of a job that verifies another: which, and whether the weights are the same; else nothing."""
    if job.get("verifies") is None:
        return []
    lines = [f"verifies  {job['verifies']}"]
    result = job.get("result") or {}
    if "not_comparable" in result:
        lines.append(f"compared  not comparable: {result['not_comparable']}")
    elif "matches" in result:
        said = "the same weights, bit for bit" if result["matches"] else "other weights"
        lines += [
            f"compared  {said}",
            f"expected  {result['expected_sha256']}",
            *_company_lines(events),
        ]
    return lines


def _company_lines(events: list[dict[str, Any]]) -> list[str]:
    told = next((event["data"] for event in events if event["type"] == "verified"), None)
    return [] if told is None else [f"helpers   came {told['joined']} and went {told['left']} times"]


def _name(data: dict[str, Any]) -> str:
    layer = f" in layer {data['layer']}" if data.get("layer") else ""
    return f"{str(data['code']).replace('_', ' ')}{layer} at step {data['step']:,}"


def goal_lines(job: dict[str, Any]) -> list[str]:
    """Whether a search is where it wanted to be; nothing where it wanted nothing, or is not over."""
    result = job.get("result") or {}
    reached = result.get("reached")
    if reached is None:
        return []
    state = "reached" if reached else "not reached, and the steps are used up"
    return [f"goal      {state}: {_missed(job['spec'], result)}"]


def _missed(spec: dict[str, Any], result: dict[str, Any]) -> str:
    """How the result compares with what was wanted."""
    value = result["value"]
    if spec["kind"] == "solve":
        apart = abs(float(value) - spec["target"])
        return f"|value - target| = {apart:.6g}, tolerance {spec['tolerance']:g}"
    stop = spec["stop"]
    wanted = []
    if stop.get("value_below") is not None:
        wanted.append(f"a value below {stop['value_below']:g} (it is {float(value):.6g})")
    if stop.get("gradient_norm_below") is not None:
        wanted.append(f"a gradient norm below {stop['gradient_norm_below']:g}")
    return f"wanted {' or '.join(wanted)}"
