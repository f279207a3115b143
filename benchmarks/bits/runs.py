"""What a spec computes, alone or in a group of threads over TCP on this machine, as one short digest."""

import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass
from itertools import count
from typing import Any

import numpy as np

from benchmarks.bits.core import (
    SECRET_BYTES,
    AnyResolvedSpec,
    Checkpoint,
    Diverged,
    GroupHelper,
    GroupIdentity,
    GroupLead,
    GroupTerms,
    Outcome,
    Released,
    Report,
    Run,
    SoloGroup,
    Timeouts,
    parse_job,
    prepare,
    resolve,
)

Spec = dict[str, Any]
Weights = Mapping[str, np.ndarray] | None
TIMEOUTS = Timeouts(step_seconds=20.0, lead_seconds=40.0)
WAIT_SECONDS = 60.0
STRIDE = 7
"""Steps to a report: few, so that what reports join is looked at too."""
BEFORE, AFTER = 24, 16
"""Steps of a long job: before the checkpoint and after."""
LET_IN = 3
"""After so many steps all who wait at the door are members, unless the job is over."""
IN_CHECKPOINT = (
    "step",
    "parameters",
    "buffers",
    "optimizer",
    "stop",
    "epoch_loss",
    "stop_reason",
    "loss",
    "plateau",
    "best",
)
IN_OUTCOME = ("loss", "value", "reached", "metrics", "tables", "weights", "weights_sha256")


class Digest:
    """A hash of numbers, each to its last bit, and of what holds them; of no name of a class."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def add(self, value: object) -> None:
        """Take in a number, a text, None, an array, or a mapping, sequence or dataclass of such."""
        match value:
            case np.ndarray():
                self._hash.update(f"{value.dtype.str}{value.shape}".encode() + value.tobytes())
            case Mapping():
                self.add([part for pair in sorted(value.items()) for part in pair])
            case list() | tuple():
                self._hash.update(f"[{len(value)}".encode())
                for part in value:
                    self.add(part)
            case float():
                self._hash.update(f"{value.hex()}\0".encode())
            case _ if is_dataclass(value):
                self.add([getattr(value, field.name) for field in fields(value)])
            case _:
                self._hash.update(f"{value!r}\0".encode())

    def __str__(self) -> str:
        return self._hash.hexdigest()[:16]


class History:
    """The points of each series, of all reports; the last report's failure."""

    def __init__(self) -> None:
        self._parts: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
        self.failure: str | None = None

    def add(self, report: Report) -> None:
        """Take in what came next."""
        for name, points in report.series.items():
            self._parts.setdefault(name, []).append((points.steps, points.values))
        self.failure = str(report.failure) if report.failure else None

    def series(self) -> dict[str, list[np.ndarray]]:
        """By name: the steps and the values, without what has none."""
        joined = {
            name: [np.concatenate(each) for each in zip(*parts, strict=True)]
            for name, parts in self._parts.items()
        }
        return {name: pair for name, pair in joined.items() if len(pair[0])}


def resolved(raw: Spec) -> AnyResolvedSpec:
    """The spec as a worker gets it; the seed that it leaves open is 1 or the next that will do."""
    seeds = count(1)
    return resolve(parse_job(raw), lambda: next(seeds))


def digest_of_spec(raw: Spec) -> str:
    """Of what is stored of a spec."""
    digest = Digest()
    digest.add(resolved(raw).model_dump(mode="json"))
    return str(digest)


def digest_of_beginning(raw: Spec) -> str:
    """Of the first steps by one member, some of them before a checkpoint and some after."""
    start, weights = _start_of(raw)
    run, history = start(SoloGroup(), None, weights), History()
    history.add(run.advance(BEFORE))
    if not run.finished:
        run = start(SoloGroup(), run.checkpoint(), weights)
        history.add(run.advance(AFTER))
    return _digest_of((run, None), history)


def digest_alone(raw: Spec) -> str:
    """Of a run by one member that goes on from a checkpoint halfway."""
    start, weights = _start_of(raw)
    run, history = start(SoloGroup(), None, weights), History()
    half = run.steps // 2
    while run.step < half and not run.finished and history.failure is None:
        history.add(run.advance(min(STRIDE, half - run.step)))
    if not run.finished and history.failure is None:
        run = start(SoloGroup(), Checkpoint.from_bytes(run.checkpoint().to_bytes()), weights)
    return _digest_of(_finished(run, history), history)


def digest_together(raw: Spec, members: int) -> str:
    """Of what the lead of a group records, the others having come in during its first steps.

    Raises AssertionError where they didn't, or learned something else.
    """
    meeting = _Meeting(raw, members - 1)
    with ThreadPoolExecutor(members) as pool:
        lead = pool.submit(meeting.lead)
        others = [pool.submit(meeting.follow) for _ in range(members - 1)]
        digest, learned = lead.result(WAIT_SECONDS)
        for other in others:
            seen = other.result(WAIT_SECONDS)
            assert seen in (learned, None), f"the lead learned {learned}, a helper {seen}"
    return digest


class _Meeting:
    """A lead that waits at its first steps for helpers, and these."""

    def __init__(self, raw: Spec, helpers: int) -> None:
        self._start, self._weights = _start_of(raw)
        self._joined = 0
        self._helpers = helpers
        identity = GroupIdentity(
            job_id="job_1",
            attempt=1,
            secret=secrets.token_bytes(SECRET_BYTES),
            fingerprint="f",
            spec_sha256="s",
        )
        self._terms = GroupTerms(identity=identity, timeouts=TIMEOUTS, listen_host="127.0.0.1")
        self._lead = GroupLead(self._terms, helpers, self._note)

    def _note(self, kind: str, data: Mapping[str, str | int]) -> None:
        assert kind == "member_joined", f"{kind}: {data}"
        self._joined += 1

    def lead(self) -> tuple[str, str | None]:
        """The digest, and what the weights' own is."""
        try:
            self._await_helpers()
            history = History()
            run, outcome = _finished(self._start(self._lead, None, self._weights), history)
            assert self._joined == self._helpers or run.step < LET_IN, "a helper was not let in"
            return _digest_of((run, outcome), history), _learned(outcome)
        finally:
            self._lead.close("done")

    def _await_helpers(self) -> None:
        """Wait until all of them wait to be let in."""
        deadline = time.monotonic() + WAIT_SECONDS
        while len(self._lead.waiting) < self._helpers:
            assert time.monotonic() < deadline, "a helper did not come"
            time.sleep(0.001)

    def follow(self) -> str | None:
        """The digest of the weights, None where the lead was gone before."""
        helper: GroupHelper | None = None
        try:
            helper = GroupHelper.join(self._terms, self._lead.address)
            run = self._start(helper, Checkpoint.from_bytes(helper.state), self._weights)
            return _learned(_finished(run, History())[1])
        except Released:
            return None
        finally:
            if helper is not None:
                helper.close("done")


def _start_of(raw: Spec) -> tuple[Any, Weights]:
    """How to start a run; the weights of the job before, which is the same one drawn otherwise."""
    if "start_from" not in raw:
        return prepare(resolved(raw)).start, None
    before = {key: value for key, value in raw.items() if key != "start_from"} | {"seed": 77, "epochs": 1}
    run = prepare(resolved(before)).start(SoloGroup(), None, None)
    outcome = _finished(run, History())[1]
    assert isinstance(outcome, Outcome), outcome
    return prepare(resolved(raw)).start, outcome.weights


Finished = tuple[Run, Outcome | str | None]


def _finished(run: Run, history: History) -> Finished:
    """The run at its end and what came out: of one that fails nothing, or why."""
    while not run.finished and history.failure is None:
        history.add(run.advance(STRIDE))
    if history.failure is not None:
        return run, None
    try:
        return run, run.outcome()
    except Diverged as error:
        return run, str(error)


def _learned(outcome: Outcome | str | None) -> str | None:
    return outcome.weights_sha256 if isinstance(outcome, Outcome) else outcome


def _digest_of(finished: Finished, history: History) -> str:
    run, outcome = finished
    digest = Digest()
    digest.add(history.series())
    digest.add(history.failure)
    digest.add([run.step, run.steps])
    checkpoint = run.checkpoint()
    digest.add([getattr(checkpoint, name) for name in IN_CHECKPOINT])
    if isinstance(outcome, Outcome):
        digest.add([getattr(outcome, name) for name in IN_OUTCOME])
    else:
        digest.add(outcome)
    return str(digest)


def members_of(raw: Spec) -> Sequence[int]:
    """The groups that run a spec: a training's shards have to be enough for them, a search has no group."""
    shards = raw.get("shards", 1)
    return tuple(members for members in (2, 3) if members <= shards)
