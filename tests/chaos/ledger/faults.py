"""Which faults strike, and when: drawn from a seed. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from types import MappingProxyType
from typing import Literal, get_args

FaultName = Literal[
    "kill child",
    "kill worker",
    "kill api",
    "kill service",
    "freeze child",
    "freeze worker",
    "freeze in transaction",
    "wipe broker",
    "kill broker",
    "freeze broker",
    "false rings",
    "stop postgresql",
    "end backend",
    "drain worker",
]
FAULTS: tuple[FaultName, ...] = get_args(FaultName)
KILLS = ("kill child", "kill worker", "kill api", "kill service")
FREEZES = ("freeze child", "freeze worker", "freeze in transaction")
BROKER_FAULTS = ("wipe broker", "kill broker", "freeze broker", "false rings")
POSTGRESQL_FAULTS = ("stop postgresql", "end backend")

Weights = Mapping[FaultName, float]
MIXES: Mapping[str, Weights] = MappingProxyType(
    {
        "all": {
            "kill child": 5,
            "kill worker": 2,
            "kill api": 2,
            "kill service": 0.7,
            "freeze child": 3,
            "freeze worker": 1,
            "freeze in transaction": 1.5,
            "wipe broker": 1,
            "kill broker": 1,
            "freeze broker": 1,
            "false rings": 1,
            "stop postgresql": 1,
            "end backend": 2,
            "drain worker": 1,
        },
        "kills": {
            "kill child": 7,
            "kill worker": 2,
            "kill api": 1.5,
            "kill service": 0.5,
            "drain worker": 0.5,
        },
        "freezes": {"freeze child": 6, "freeze worker": 2, "freeze in transaction": 3, "kill child": 1},
        "broker": {"wipe broker": 3, "kill broker": 3, "freeze broker": 3, "false rings": 3},
        "postgresql": {"stop postgresql": 4, "end backend": 6, "kill child": 2},
    }
)
"""By name, how often each fault strikes beside the others."""
PAUSES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"broker": (0.5, 1.5), "postgresql": (0.8, 2.5), "kills": (0.4, 1.8)}
)
PAUSE = (0.5, 2.0)
"""Seconds from one fault to the next, at least and at most."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A fault, `at` seconds after the start. `share` (0 to 1): how long it lasts; `seed`: whom it strikes."""

    name: FaultName
    at: float
    share: float
    seed: int


def draw(mix: str, random: Random, dialect: str) -> Iterator[Planned]:
    """Faults without end. Each of the mix comes once before they come as their weights say."""
    weights = {
        name: weight
        for name, weight in MIXES[mix].items()
        if dialect == "postgresql" or name not in POSTGRESQL_FAULTS
    }
    at, first = 0.0, list(weights)
    random.shuffle(first)
    while True:
        at += random.uniform(*PAUSES.get(mix, PAUSE))
        name = first.pop() if first else random.choices(list(weights), list(weights.values()))[0]
        yield Planned(name=name, at=at, share=random.random(), seed=random.getrandbits(32))
