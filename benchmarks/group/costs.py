"""What a step costs a group of N: a model of the group over TCP, fitted to all-reduces that were measured.

An all-reduce of `size` bytes between N members costs each member's processor

    CPU(N) = start + message · 2·(N − 1) + byte · 2·size·(N − 1)/N + addition · size

seconds: something at all; for each message that it sends and receives; for each byte that it sends (sealing,
copies, the kernel, and the same again at the other end); and for the additions, N slices of size/N. This is
what is measured and fitted: the processor's time hardly depends on who else is at work on a machine. Between
members with a processor each and a network between them the exchange takes

    max(CPU(N), bytes sent / bandwidth) + 3 · latency + message · 2·(N − 1)

seconds: partial sums, totals and commit go out one after the other, and the lead hears from each member that
it is done and tells each the commit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Point:
    """A measured all-reduce: members, bytes of the vector, seconds of each member's processor."""

    members: int
    size: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Network:
    """What lies between members: bytes a second each way, and seconds for a message one way."""

    name: str
    bandwidth: float
    latency: float


NETWORKS = (
    Network(name="1 Gbit/s", bandwidth=0.117e9, latency=50e-6),
    Network(name="10 Gbit/s", bandwidth=1.17e9, latency=25e-6),
    Network(name="25 Gbit/s", bandwidth=2.9e9, latency=15e-6),
)
MEMBERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


@dataclass(frozen=True, kw_only=True)
class Costs:
    """The fitted constants in seconds (`byte`, `addition`: for a byte), and by what part the fit is off."""

    start: float
    message: float
    byte: float
    addition: float
    error: float

    def cpu(self, members: int, size: int) -> float:
        """Seconds of each member's processor for an all-reduce."""
        constants = np.array([self.start, self.message, self.byte, self.addition])
        return float(_terms(members, size) @ constants)

    def exchange(self, members: int, size: int, network: Network) -> float:
        """Seconds of an all-reduce between members with a processor each."""
        if members == 1:
            return 0.0
        wire = sent_bytes(members, size) / network.bandwidth
        control = 2 * (members - 1) * self.message
        return max(self.cpu(members, size), wire) + 3 * network.latency + control


def sent_bytes(members: int, size: int) -> float:
    """What each member sends in an all-reduce: a slice of its sums to each other one, its total to each."""
    return 2 * size * (members - 1) / members


def _terms(members: int, size: int) -> np.ndarray:
    return np.array([1.0, 2.0 * (members - 1), sent_bytes(members, size), size])


def fitted(points: Sequence[Point]) -> Costs:
    """The constants, none negative, with the least relative errors."""
    rows = np.array([_terms(point.members, point.size) for point in points])
    seconds = np.array([point.seconds for point in points])
    scaled = rows / seconds[:, None]
    constants = _nonnegative(scaled, np.ones(len(points)))
    error = float(np.median(np.abs(scaled @ constants - 1)))
    start, message, byte, addition = constants.tolist()
    return Costs(start=start, message=message, byte=byte, addition=addition, error=error)


def _nonnegative(rows: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Least squares in which what would be negative is 0: of all sets of constants the best allowed."""
    best, least = np.zeros(rows.shape[1]), np.inf
    for chosen in range(1, 2 ** rows.shape[1]):
        columns = [index for index in range(rows.shape[1]) if chosen >> index & 1]
        part, *_ = np.linalg.lstsq(rows[:, columns], wanted, rcond=None)
        off = float(np.sum((rows[:, columns] @ part - wanted) ** 2))
        if (part >= 0).all() and off < least:
            best, least = np.zeros(rows.shape[1]), off
            best[columns] = part
    return best
