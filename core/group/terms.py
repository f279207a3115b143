"""What the members of a group have to agree on, and how long they wait for each other."""

from dataclasses import dataclass, field
from typing import Literal

from lockstep.core.group.ciphers import processor_has_aes

SECRET_BYTES = 32

TransportChoice = Literal["auto", "shared_memory", "tcp"]
"""How numbers may go between members on one host: by shared memory where that can be had, or never so; with
"shared_memory" only those who can be reached that way are let in."""


@dataclass(frozen=True, kw_only=True)
class GroupIdentity:
    """Which group it is. Only who knows the secret gets in, and only with all else equal.

    `secret` is 32 random bytes made for this attempt; `fingerprint` is `numerics_fingerprint()` of the
    member's process; `spec_sha256` that of the resolved spec. `has_aes`, which need not be equal, says
    whether the member's processor computes AES: it decides which cipher two members use.
    """

    job_id: str
    attempt: int
    secret: bytes = field(repr=False)
    fingerprint: str
    spec_sha256: str
    has_aes: bool = field(default_factory=processor_has_aes)

    def __post_init__(self) -> None:
        if len(self.secret) != SECRET_BYTES:
            raise ValueError(f"expected a secret of {SECRET_BYTES} bytes, got {len(self.secret)}")


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """How long members wait for each other.

    `handshake_seconds`: for a stranger to prove that it is a helper, and for the lead to answer it.
    `step_seconds`: the most that members wait for each other's parts once their own part is done; longer
    only where the own part took long or the parts are big (see `patience`).
    `least_seconds`: how long they wait at least, however short the steps are (see pace.py).
    `lead_seconds`: how long a helper waits for the lead, which may be saving a checkpoint or computing
    a lost helper's part; so it has to be the longer one.
    `close_seconds`: how long a closing lead waits for its helpers to take their leave.
    """

    handshake_seconds: float = 2.0
    step_seconds: float = 5.0
    least_seconds: float = 0.35
    lead_seconds: float = 60.0
    close_seconds: float = 1.0

    def __post_init__(self) -> None:
        if self.lead_seconds <= self.step_seconds:
            raise ValueError(
                f"expected lead_seconds above step_seconds, got {self.lead_seconds} and {self.step_seconds}: "
                f"helpers would give the lead up while it still waits for another one"
            )


@dataclass(frozen=True, kw_only=True)
class GroupTerms:
    """What a member brings along to a group.

    `listen_host` is where its door is, the address by which other members reach it; `worker_id` and `host`
    say who it is, to people. `transport` is LOCKSTEP_GROUP_TRANSPORT.
    """

    identity: GroupIdentity
    timeouts: Timeouts
    listen_host: str
    worker_id: str = ""
    host: str = ""
    transport: TransportChoice = "auto"


# A peer may be this many times slower than we are, and the network this slow, before it counts as late.
SLOWER_PEER = 3.0
SLOWEST_LINK_BYTES_PER_SECOND = 50e6


def patience(floor_seconds: float, own_seconds: float, exchanged_bytes: int) -> float:
    """How long to wait for a peer whose work took us `own_seconds` and that has so many bytes to exchange."""
    return max(floor_seconds, SLOWER_PEER * own_seconds) + exchanged_bytes / SLOWEST_LINK_BYTES_PER_SECOND
