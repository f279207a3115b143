"""What it costs to seal and open the frames of a payload, beside a tag alone: `python -m benchmarks.sealing`.

All ways take turns, so that a busy machine slows each alike; the fastest turn counts.
"""

import hmac
import time
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lockstep.core.group.ciphers import Cipher
from lockstep.core.group.frames import (
    FRAME_BYTES,
    HEADER_BYTES,
    MAX_PAYLOAD_BYTES,
    Binding,
    FrameKind,
    Opener,
    Seal,
    Sealer,
    Stamp,
)

SIZES = (40_000, 470_000, 940_000, 4_000_000)
TURNS = 100
_KEY = bytes(range(32))
_STAMP = Stamp()


class Line:
    """A sealer and an opener that fit, with the buffers that a connection has."""

    def __init__(self, cipher: Cipher, payload: memoryview) -> None:
        seal = Seal(cipher.with_key(_KEY), b"help", Binding(bytes(16), 1))
        self._sealer, self._opener = Sealer(seal), Opener(seal)
        self._parts = _cut(payload)
        self._place = memoryview(bytearray(MAX_PAYLOAD_BYTES))
        self._frames = [memoryview(bytearray(FRAME_BYTES + len(part))) for part in self._parts]

    def seal(self) -> None:
        """Seal the payload's frames."""
        for part, frame in zip(self._parts, self._frames, strict=True):
            self._sealer.seal_into(frame, FrameKind.PARTIAL, _STAMP, part)

    def open(self) -> None:
        """Open what `seal` has sealed last."""
        for part, frame in zip(self._parts, self._frames, strict=True):
            self._opener.read_header(bytes(frame[:HEADER_BYTES]))
            self._opener.open_into(frame[HEADER_BYTES:], self._place[: len(part)])


def ways(size: int) -> Mapping[str, Callable[[], object]]:
    """What is compared; those that open come after those that have sealed it."""
    payload = memoryview(bytes(size))
    aes, chacha = Line(Cipher.AES_256_GCM, payload), Line(Cipher.CHACHA20_POLY1305, payload)
    tag_only = AESGCM(_KEY)
    return {
        "AES-256-GCM seal": aes.seal,
        "open": aes.open,
        "ChaCha20-Poly1305 seal": chacha.seal,
        "open ": chacha.open,
        "AES-256-GCM tag alone": lambda: [tag_only.encrypt(bytes(12), b"", part) for part in _cut(payload)],
        "HMAC-SHA256": lambda: [hmac.digest(_KEY, part, "sha256") for part in _cut(payload)],
    }


def _cut(payload: memoryview) -> list[memoryview]:
    return [payload[start : start + MAX_PAYLOAD_BYTES] for start in range(0, len(payload), MAX_PAYLOAD_BYTES)]


def microseconds(size: int) -> dict[str, float]:
    """Of each way the fastest turn."""
    best: dict[str, float] = {}
    compared = ways(size)
    for _ in range(TURNS):
        for name, way in compared.items():
            start = time.perf_counter()
            way()
            best[name] = min(best.get(name, 1e9), (time.perf_counter() - start) * 1e6)
    return best


def main() -> None:
    """Print the table."""
    tables = {size: microseconds(size) for size in SIZES}
    print("microseconds".ljust(24), *(f"{size / 1000:>9,.0f} KB" for size in SIZES))
    for name in tables[SIZES[0]]:
        print(name.ljust(24), *(f"{tables[size][name]:12.1f}" for size in SIZES))


if __name__ == "__main__":
    main()
