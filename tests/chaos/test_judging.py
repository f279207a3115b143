"""What is wrong with a run is seen, so that a campaign does not pass for want of eyes."""

from typing import Any

import pytest

from tests.chaos.group.faults import Plan
from tests.chaos.group.judging import STEPS_TO_LEARN, Account, Verdict, judge

PLAN = Plan(0, "small", "tcp", 2, (0.1,), (), ())
LEFT = {"what": "left", "at": 9.0, "more_descriptors": 0, "segments": 0, "threads": 0}


def lead(*told: dict[str, Any]) -> Account:
    return Account(is_lead=True, attempt=1, faults=(), told=[{"what": "leads", "at": 0.0, "step": 4}, *told])


def steps(*numbers: int) -> list[dict[str, Any]]:
    return [{"what": "step", "at": float(number), "step": number} for number in numbers]


def judged(*accounts: Account) -> Verdict:
    verdict = Verdict(PLAN)
    judge(verdict, accounts, "d")
    return verdict


def test_a_run_as_it_should_be() -> None:
    done = {"what": "done", "at": 8.0, "digest": "d", "refused": {"late": 2}}
    left = {"what": "member_left", "at": 6.5, "left": "died"}
    verdict = judged(lead(*steps(5, 6, 7), left, done, LEFT))
    assert verdict.wrong == []
    assert verdict.refused == {"late": 2}
    assert verdict.left == {"died": 1}


@pytest.mark.parametrize(
    ("told", "wrong"),
    [
        (steps(5, 7), "attempt 1 lost or doubled a step"),
        (steps(5, 5, 6), "attempt 1 lost or doubled a step"),
        (steps(6), "attempt 1 lost or doubled a step"),
        ([{"what": "done", "at": 8.0, "digest": "e"}], "expected the digest d, got another"),
        ([LEFT | {"more_descriptors": 1}], "the lead with"),
        ([LEFT | {"segments": 2}], "the lead with"),
        ([LEFT | {"threads": 1}], "the lead with"),
    ],
)
def test_what_is_wrong_is_seen(told: list[dict[str, Any]], wrong: str) -> None:
    assert [each for each in judged(lead(*told)).wrong if each.startswith(wrong)]


@pytest.mark.parametrize(("learned", "kind"), [(STEPS_TO_LEARN, ""), (3, ", soon after another change")])
def test_a_stall_lasts_until_the_leads_next_step(learned: int, kind: str) -> None:
    joined = {"what": "member_joined", "at": 4.5}
    struck = {"what": "struck", "at": learned + 4.25, "deed": "kill", "point": "p"}
    victim = Account(is_lead=False, attempt=1, faults=(), told=[struck])
    verdict = judged(lead(joined, *steps(*range(5, learned + 6))), victim)
    assert verdict.stalls == {f"kill of a helper{kind}": [(0.75, "p")]}
    assert victim.was_killed
