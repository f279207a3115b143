"""Who is in the group from the next collective on; the lead alone decides it, at the end of one. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class MembershipChange(Generic[T]):
    """What becomes of helpers and joiners; `stay + admitted` are the next ranks 1, 2, and so on."""

    stay: tuple[T, ...]
    admitted: tuple[T, ...] = ()
    released: tuple[T, ...] = ()
    refused: tuple[T, ...] = ()


def next_members(helpers: Sequence[T], joiners: Sequence[T], seats: int, release: int) -> MembershipChange[T]:
    """Let `release` workers go and fill the seats that are free then.

    `helpers` are the survivors in order of rank, `joiners` those who may be let in now. Joiners are
    sent away first, which costs nobody anything, then the helpers of the highest ranks. Nobody is let
    in at a boundary where somebody is let go.
    """
    if release:
        kept = min(len(helpers), max(0, len(helpers) + len(joiners) - release))
        return MembershipChange(
            stay=tuple(helpers[:kept]), released=tuple(helpers[kept:]), refused=tuple(joiners)
        )
    free = max(0, seats - len(helpers))
    return MembershipChange(
        stay=tuple(helpers), admitted=tuple(joiners[:free]), refused=tuple(joiners[free:])
    )


def only_linked(change: MembershipChange[T], linked: Callable[[T, T], bool]) -> MembershipChange[T]:
    """The same, but joiners that are not linked with all others are the `refused` ones."""
    admitted: list[T] = []
    refused: list[T] = []
    for joiner in change.admitted:
        fits = all(linked(joiner, other) for other in (*change.stay, *admitted))
        (admitted if fits else refused).append(joiner)
    return replace(change, admitted=tuple(admitted), refused=tuple(refused))
