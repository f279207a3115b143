"""A chunk of a series as bytes: packed, unpacked, and found to be what was packed.

Each carries a CRC-32 of all that is in its row. Chunks of versions before have none; of these only what
contradicts itself is found out.
"""

import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Row

from lockstep.core.learning.report import Points

MAX_CHUNK_POINTS = 65536

Chunk = Row[*tuple[Any, ...]]
"""A row of the table of history."""


def packed(job_id: str, name: str, points: Points) -> list[dict[str, object]]:
    """The rows that hold the points of a series."""
    rows: list[dict[str, object]] = []
    for start in range(0, len(points.steps), MAX_CHUNK_POINTS):
        steps = points.steps[start : start + MAX_CHUNK_POINTS]
        values = points.values[start : start + MAX_CHUNK_POINTS]
        stride = _stride(steps)
        row: dict[str, Any] = {
            "job_id": job_id,
            "series": name,
            "first_step": int(steps[0]),
            "last_step": int(steps[-1]),
            "size": len(steps),
            "stride": stride,
            "steps": None if stride else steps.astype("<i8").tobytes(),
            "dtype": values.dtype.name,
            "points": values.astype(values.dtype.newbyteorder("<")).tobytes(),
        }
        rows.append({**row, "checksum": _checksum(**row)})
    return rows


def _checksum(  # noqa: PLR0913  (one for each column)
    *,
    job_id: object,
    series: object,
    first_step: object,
    last_step: object,
    size: object,
    stride: object,
    steps: bytes | None,
    dtype: object,
    points: bytes,
) -> int:
    """The CRC-32 of a chunk: the columns that place it as text, then its bytes."""
    place = "\n".join(map(str, (job_id, series, first_step, last_step, size, stride, dtype)))
    return zlib.crc32(points, zlib.crc32(steps or b"", zlib.crc32(place.encode("utf-8", "replace"))))


def _stride(steps: NDArray[np.int64]) -> int:
    """The constant distance of the steps, or 0."""
    if len(steps) == 1:
        return 1
    gaps = np.diff(steps)
    return int(gaps[0]) if np.all(gaps == gaps[0]) else 0


def outside(points: Points, rows: Iterable[Chunk]) -> Points:
    """The points that are in none of the chunks."""
    kept = np.ones(len(points.steps), dtype=bool)
    for row in rows:
        kept &= (points.steps < row.first_step) | (points.steps > _least_end(row))
    return Points(steps=points.steps[kept], values=points.values[kept])


def _least_end(row: Chunk) -> int:
    """Where a damaged chunk ends, by what its row says twice: a step too large would swallow all that come.

    Its first step is taken in any case, for it is in the key.
    """
    first: int = row.first_step
    last: int = row.last_step
    return max(first, min(last, first + row.stride * (row.size - 1) if row.stride else last))


def readable(row: Chunk) -> Points | None:
    """The points of a chunk; None where it is damaged."""
    try:
        return unpacked(row)
    except ValueError:
        return None


def unpacked(row: Chunk) -> Points:
    """The points of a chunk; raises ValueError where it is not what was packed."""
    if row.dtype not in ("float32", "float64"):
        raise ValueError(f"expected numbers of float32 or float64, found {row.dtype!r}")
    width = np.dtype(row.dtype).itemsize
    if len(row.points) != row.size * width:
        raise ValueError(f"expected {row.size} numbers of {width} bytes, found {len(row.points)} bytes")
    values = np.frombuffer(row.points, dtype=np.dtype(row.dtype).newbyteorder("<"))
    if row.stride:
        steps = row.first_step + row.stride * np.arange(row.size, dtype=np.int64)
    else:
        steps = _uneven_steps(row)
    if not row.size or (steps[0], steps[-1]) != (row.first_step, row.last_step):
        raise ValueError(f"expected steps {row.first_step} to {row.last_step}, found others")
    _check_sum(row)
    return Points(steps=steps.astype(np.int64, copy=False), values=values.astype(row.dtype, copy=False))


def _check_sum(row: Chunk) -> None:
    if row.checksum is None:
        return
    found = _checksum(**{name: value for name, value in row._mapping.items() if name != "checksum"})
    if found != row.checksum:
        raise ValueError(f"the bytes have the checksum {found}, expected {row.checksum}")


def _uneven_steps(row: Chunk) -> NDArray[np.int64]:
    if row.steps is None or len(row.steps) != row.size * 8:
        raise ValueError(f"expected {row.size} steps of 8 bytes, found {len(row.steps or b'')} bytes")
    steps = np.frombuffer(row.steps, dtype="<i8").astype(np.int64, copy=False)
    if not np.all(steps[1:] > steps[:-1]):
        raise ValueError("expected steps that grow")
    return steps
