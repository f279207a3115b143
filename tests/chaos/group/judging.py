"""What must be true of a run, by what its members have told. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.group.faults import Fault, Plan, Struck

STEPS_TO_LEARN = 8
"""After so many steps the members know each other's pace."""


@dataclass(kw_only=True)
class Account:
    """What a member has told, in order."""

    is_lead: bool
    attempt: int
    faults: tuple[Fault, ...]
    told: list[dict[str, Any]] = field(default_factory=list)

    def all(self, *what: str) -> list[dict[str, Any]]:
        """All that it has told of this."""
        return [told for told in self.told if told["what"] in what]

    def last(self, what: str) -> dict[str, Any] | None:
        """What it has told last of this."""
        return next(reversed(self.all(what)), None)

    @property
    def was_killed(self) -> bool:
        """Whether a fault of its own has ended it."""
        return any(told["deed"] == "kill" for told in self.all("struck"))


@dataclass
class Verdict:
    """What came of a run. `wrong` is empty where all is as it must be.

    `stalls`: by what was done to whom, the seconds to the end of the lead's next step, and the point.
    """

    plan: Plan
    wrong: list[str] = field(default_factory=list)
    struck: Struck = field(default_factory=Counter)
    stalls: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    reached: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    joined: int = 0
    left: Counter[str] = field(default_factory=Counter)
    attempts: int = 1


def judge(verdict: Verdict, accounts: Sequence[Account], digest: str) -> None:
    """Complete a verdict. `digest`: of a training that is alone."""
    for account in accounts:
        if any(done["digest"] != digest for done in account.all("done")):
            verdict.wrong.append(f"expected the digest {digest}, got another")
        for left in account.all("left"):
            if any(left[count] for count in ("more_descriptors", "segments", "threads")):
                who = "the lead" if account.is_lead else "a helper"
                verdict.wrong.append(f"{who} with {account.faults} leaves {left}")
        for told in account.told:
            verdict.refused.update(told.get("refused", {}))
            verdict.reached.update(told.get("points", {}))
        verdict.joined += len(account.all("member_joined"))
        verdict.left.update(told["left"] for told in account.all("member_left"))
        if account.is_lead:
            _judge_steps(verdict, account)
            for victim in accounts:
                _note_stalls(verdict, account, victim)


def _judge_steps(verdict: Verdict, lead: Account) -> None:
    """An attempt takes the steps from its checkpoint on, each once."""
    first = [told["step"] for told in lead.all("leads")]
    steps = [told["step"] for told in lead.all("step")]
    if first and steps != list(range(first[0] + 1, first[0] + 1 + len(steps))):
        verdict.wrong.append(f"attempt {lead.attempt} lost or doubled a step")


def _note_stalls(verdict: Verdict, lead: Account, victim: Account) -> None:
    steps = [told["at"] for told in lead.all("step")]
    changes = [told["at"] for told in lead.all("member_joined", "member_left")]
    for struck in victim.all("struck"):
        at = struck["at"]
        before, after = [each for each in steps if each <= at], [each for each in steps if each > at]
        if not (before and after):
            continue
        kind = f"{struck['deed']} of {'the lead' if victim is lead else 'a helper'}"
        changed = max((each for each in changes if each <= at), default=0.0)
        if sum(each > changed for each in before) < STEPS_TO_LEARN:
            kind += ", soon after another change"
        verdict.stalls.setdefault(kind, []).append((after[0] - at, struck["point"]))
