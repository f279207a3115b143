"""Which faults strike a run: drawn from a seed, those first that have struck least. Pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal, get_args

Deed = Literal["kill", "freeze", "cut"]
"""The process ends at once; it stops for a while; one of its connections breaks."""
DEEDS: tuple[Deed, ...] = get_args(Deed)
Side = Literal["lead", "helper"]
Transports = Literal["tcp", "shared_memory", "mixed"]
TRANSPORTS: tuple[Transports, ...] = get_args(Transports)

MOST_MEMBERS = 8
MAX_FREEZE_SECONDS = 1.2
AGAIN = "again"
AFTER_A_LOSS = ("regroup", "drops", "blames", AGAIN)
"""In the names of points that are reached only once another member is lost. A total is sent again where two
helpers have lost their link and the lead has committed: that takes a link which is not shared memory.
"""
OF_A_COLLECTIVE = ("group: member", "group: lead commits", "group: lead has committed")
TRIGGERS = (
    "group: member has computed",
    "group: member has published partial sums",
    "group: member has added",
    "group: member has all partial sums",
)
"""Where others are struck, so that such points are reached."""


@dataclass(frozen=True)
class Fault:
    """What happens to a member when it reaches a point for the nth time. `seconds`: how long it is frozen."""

    point: str
    deed: Deed
    nth: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """One run. `joins[k]` is when helper k comes, in seconds; `lead` and `helpers` the faults to strike them.

    Helpers whose fault is over, or that were lost, are replaced by new ones: by those of `helpers` that have
    not come yet, then by ones without a fault.
    """

    number: int
    job: str
    transports: Transports
    world_size: int
    joins: tuple[float, ...]
    lead: tuple[Fault, ...]
    helpers: tuple[Fault | None, ...]


Struck = Counter[tuple[str, Deed]]
"""How often each deed was done at each point."""


def side_of(point: str) -> Side | None:
    """Who reaches a point, by the first word of its name behind the area; None: both do."""
    who = point.split(": ", 1)[1].split(" ", 1)[0]
    return "lead" if who == "lead" else "helper" if who == "helper" else None


def draw(number: int, random: Random, points: Sequence[str], struck: Struck) -> Plan:
    """The next run."""
    pairs = [(point, deed) for point in points for deed in DEEDS]
    random.shuffle(pairs)
    points_struck: Counter[str] = Counter()
    for (point, _), count in struck.items():
        points_struck[point] += count
    pairs.sort(key=lambda pair: (points_struck[pair[0]] > 0, struck[pair]))
    for_helpers = [pair for pair in pairs if side_of(pair[0]) != "lead"]
    for_lead = [pair for pair in pairs if side_of(pair[0]) != "helper"]
    strike_helpers = for_helpers[: random.randint(1, 4)]
    strike_lead = for_lead[: random.randint(1, 2)]
    names = " ".join(point for point, _ in strike_helpers + strike_lead)
    needs_a_loss = any(word in names for word in AFTER_A_LOSS)
    needs_a_broken_link = AGAIN in names
    helpers: list[Fault | None] = [_fault(pair, random) for pair in strike_helpers]
    if needs_a_loss:
        helpers += [_trigger(random, must_cut=needs_a_broken_link) for _ in range(3)]
    world_size = random.choice((3, 4, 5, 8) if needs_a_loss else (2, 2, 3, 4, 8))
    helpers += [None] * max(0, world_size - 1 - len(helpers))
    random.shuffle(helpers)
    transports = "tcp" if needs_a_broken_link else TRANSPORTS[number % len(TRANSPORTS)]
    return Plan(
        number=number,
        job=random.choice(("small", "large", "divided" if transports == "shared_memory" else "small")),
        transports=transports,
        world_size=world_size,
        joins=tuple(random.uniform(0, 0.4) for _ in range(world_size - 1)),
        lead=tuple(_fault(pair, random) for pair in strike_lead),
        helpers=tuple(helpers),
    )


def _fault(pair: tuple[str, Deed], random: Random) -> Fault:
    point, deed = pair
    nth = 1
    if point.startswith(OF_A_COLLECTIVE):
        nth = random.choice((1, random.randint(2, 8), random.randint(8, 40)))
    elif side_of(point) is None:
        nth = random.randint(1, 3)
    return Fault(point, deed, nth, random.uniform(0.05, MAX_FREEZE_SECONDS))


def _trigger(random: Random, *, must_cut: bool) -> Fault:
    deed: Deed = "cut" if must_cut else random.choice(("cut", "kill"))
    return Fault(random.choice(TRIGGERS), deed, random.randint(3, 20), 0.0)
