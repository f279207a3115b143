"""Who stays, who comes, who goes: a table."""

import pytest

from lockstep.core.group.membership import MembershipChange, next_members, only_linked


@pytest.mark.parametrize(
    ("helpers", "joiners", "seats", "release", "expected"),
    [
        ("", "", 3, 0, ("", "", "", "")),
        ("ab", "", 3, 0, ("ab", "", "", "")),
        ("a", "xy", 3, 0, ("a", "xy", "", "")),
        ("ab", "xyz", 3, 0, ("ab", "x", "", "yz")),
        ("abc", "x", 3, 0, ("abc", "", "", "x")),
        ("abc", "", 2, 0, ("abc", "", "", "")),
        ("", "x", 0, 0, ("", "", "", "x")),
        ("abc", "", 3, 1, ("ab", "", "c", "")),
        ("abc", "", 3, 9, ("", "", "abc", "")),
        ("abc", "x", 4, 1, ("abc", "", "", "x")),
        ("abc", "x", 4, 2, ("ab", "", "c", "x")),
        ("abc", "xy", 4, 1, ("abc", "", "", "xy")),
    ],
)
def test_the_next_members(
    helpers: str, joiners: str, seats: int, release: int, expected: tuple[str, str, str, str]
) -> None:
    stay, admitted, released, refused = (tuple(names) for names in expected)
    change = next_members(helpers, joiners, seats, release)
    assert change == MembershipChange(stay=stay, admitted=admitted, released=released, refused=refused)


def test_joiners_have_to_be_linked_with_all_others() -> None:
    change = MembershipChange(stay=(1, 2), admitted=(3, 4, 5))
    linked = {(3, 1), (3, 2), (4, 1), (4, 2), (5, 1), (5, 2), (5, 3)}
    assert only_linked(change, lambda joiner, other: (joiner, other) in linked) == MembershipChange(
        stay=(1, 2), admitted=(3, 5), refused=(4,)
    )
