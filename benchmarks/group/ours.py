"""Lockstep's group as the benchmarks use it: opened between processes that meet in a folder."""

import time
from pathlib import Path

import numpy as np

from benchmarks.group.member import Seat
from lockstep.core.ground.shards import Block
from lockstep.core.group import Group, Work
from lockstep.core.group.fingerprint import numerics_fingerprint
from lockstep.core.group.helper import GroupHelper
from lockstep.core.group.lead import GroupLead
from lockstep.core.group.terms import SECRET_BYTES, GroupIdentity, GroupTerms, Timeouts, TransportChoice

TRANSPORTS: tuple[TransportChoice, ...] = ("shared_memory", "tcp")
MEET_SECONDS = 60.0
AS_WORKERS = Timeouts(step_seconds=5.0, lead_seconds=20.0)
"""As they have them by default."""
PATIENT = Timeouts(step_seconds=10.0, least_seconds=10.0, lead_seconds=40.0)
"""For more members than cores on a busy machine: none is dropped for its turn not having come."""


def terms(transport: str, timeouts: Timeouts) -> GroupTerms:
    """Of a group on this host whose members trust the folder that they meet in."""
    identity = GroupIdentity(
        job_id="benchmark",
        attempt=1,
        secret=bytes(SECRET_BYTES),
        fingerprint=numerics_fingerprint(),
        spec_sha256="0" * 64,
    )
    (choice,) = (known for known in TRANSPORTS if known == transport)
    return GroupTerms(identity=identity, timeouts=timeouts, listen_host="127.0.0.1", transport=choice)


def lead(seat: Seat, transport: str, timeouts: Timeouts = AS_WORKERS) -> GroupLead:
    """Open a group and tell in the folder where it is."""
    group = GroupLead(terms(transport, timeouts), seat.size - 1, lambda *_: None)
    unfinished = seat.folder / "address.part"
    unfinished.write_text(f"{group.address[0]} {group.address[1]}")
    unfinished.rename(seat.folder / "address")
    return group


def address(folder: Path) -> tuple[str, int]:
    """Where the lead is; waits for it to say so."""
    deadline = time.monotonic() + MEET_SECONDS
    while not (folder / "address").exists():
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected a lead within {MEET_SECONDS:g} s")
        time.sleep(0.01)
    host, port = (folder / "address").read_text().split()
    return host, int(port)


def join(seat: Seat, transport: str, timeouts: Timeouts = AS_WORKERS) -> GroupHelper:
    """Come to help the lead that has told its address."""
    return GroupHelper.join(terms(transport, timeouts), address(seat.folder))


def meet(seat: Seat, transport: str) -> Group:
    """A whole group, right before its first collective of use: the lead's vector says when all are there."""
    group = join(seat, transport, PATIENT) if seat.rank else lead(seat, transport, PATIENT)
    all_here = Given(np.zeros(1, np.float32), seat.size)
    out = np.zeros(1, np.float32)
    deadline = time.monotonic() + MEET_SECONDS
    while not out.any():
        if time.monotonic() > deadline:
            raise TimeoutError(f"expected {seat.size} members, got {group.world_size}")
        all_here.given = np.full(1, seat.rank == 0 and group.world_size == seat.size, np.float32)
        group.all_reduce(all_here, out, admits=True)
        group.welcome(lambda: b"nothing")
    return group


class Given(Work):
    """Sums up one vector a block; as long as `given` is None, what lies in the buffers already."""

    def __init__(self, given: np.ndarray, leaves: int) -> None:
        self.given: np.ndarray | None = given
        self._width, self._dtype, self._leaves = len(given), given.dtype, leaves

    @property
    def look_up(self) -> None:
        """See Work."""

    @property
    def leaves(self) -> int:
        """See Work."""
        return self._leaves

    @property
    def width(self) -> int:
        """See Work."""
        return self._width

    @property
    def dtype(self) -> np.dtype:
        """See Work."""
        return self._dtype

    def partial(self, block: Block, out: np.ndarray) -> bool:  # noqa: ARG002 - as Work
        """See Work; the same vector for any block."""
        if self.given is not None:
            np.copyto(out, self.given)
        return True
