"""How the API and its process for large bodies talk: a head in JSON, then bytes as they are."""

import struct
from typing import IO

_SIZES = struct.Struct(">QQ")


def send(stream: IO[bytes], head: bytes, rest: bytes) -> None:
    """Write both; raises OSError where nobody reads any more."""
    stream.write(_SIZES.pack(len(head), len(rest)))
    stream.write(head)
    stream.write(rest)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[bytes, bytes]:
    """Read both; raises EOFError where the other end is gone."""
    head_size, rest_size = _SIZES.unpack(_exactly(stream, _SIZES.size))
    return _exactly(stream, head_size), _exactly(stream, rest_size)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        raise EOFError(f"expected {size} bytes, got {len(found)}")
    return found
