"""Shared memory without a name: each member writes a segment of its own, the others can only read it.

A segment is an anonymous file in memory (memfd_create). Its length is sealed, so that nobody who has it
mapped can lose a page of it; others get a descriptor that was opened for reading, of which no writable
mapping can be made. There is no name in any file system: what a process leaves behind when it is killed goes
with it, and whether /dev/shm is full, read-only or absent is of no account.

Where what lies in a segment follows from the work alone, by the functions here: nobody asks another's memory.
"""

import fcntl
import mmap
import os

import numpy as np

SEGMENT_BYTES = 2**41
"""The length of every segment. It is sparse: only what is written takes memory."""
HEADER_BYTES = mmap.ALLOCATIONGRANULARITY
TOTAL_OFFSET, VECTORS_OFFSET, STATE_OFFSET = HEADER_BYTES, SEGMENT_BYTES // 4, SEGMENT_BYTES // 2
"""Where the parts begin: what was added, the own partial sums one after another, and a divided update's."""

_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
_ONLY_OWNER_READS = 0o400


class NoSharedMemory(OSError):
    """This system does not give shared memory, or what a peer sent is none. The group can do without."""


class Segment:
    """This process's own segment: zeros at first. `readable` is the descriptor for others.

    Raises NoSharedMemory where the system has no such memory.
    """

    def __init__(self) -> None:
        self._writable, self.readable = _made()
        try:
            os.posix_fallocate(self._writable, 0, HEADER_BYTES)
            self.words = memoryview(mmap.mmap(self._writable, HEADER_BYTES)).cast("Q")
        except OSError as error:
            self.close()
            raise NoSharedMemory(f"no memory for a segment: {error}") from error

    def vectors(self, offset: int, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
        """So many vectors (width,), one after another from an offset of whole pages on, to be written.

        See `reserve`.
        """
        if count == 0:
            return []
        self.reserve(offset, count, width, dtype, slice(0, width))
        return self.unreserved(offset, count, width, dtype)

    def unreserved(self, offset: int, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
        """Such vectors, of which only what is reserved may be touched."""
        memory = mmap.mmap(self._writable, count * whole_pages(width * dtype.itemsize), offset=offset)
        return _cut(memory, count, width, dtype)

    def reserve(self, offset: int, count: int, width: int, dtype: np.dtype, part: slice) -> None:
        """Have the memory of a part of such vectors.

        Raises OSError where memory is short: else the first write would end the process.
        """
        stride = whole_pages(width * dtype.itemsize)
        first, length = part.start * dtype.itemsize, (part.stop - part.start) * dtype.itemsize
        for index in range(count):
            if length:
                os.posix_fallocate(self._writable, offset + index * stride + first, length)

    def close(self) -> None:
        """Close its descriptors; the memory stays until the last array in it is gone. May be called again."""
        for descriptor in (self._writable, self.readable):
            if descriptor >= 0:
                os.close(descriptor)
        self._writable = self.readable = -1


class PeerSegment:
    """Another member's segment, to be read. It owns `descriptor` from now on.

    Raises NoSharedMemory, with the descriptor closed, where it is not what a member makes.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        try:
            _check(descriptor)
            header = mmap.mmap(descriptor, HEADER_BYTES, prot=mmap.PROT_READ)
        except OSError as error:
            self.close()
            raise NoSharedMemory(f"expected a peer's segment, got something else: {error}") from error
        self.words = memoryview(header).cast("Q")

    def vectors(self, offset: int, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
        """See Segment; to be read only, and only once the peer says that they are there."""
        length = count * whole_pages(width * dtype.itemsize)
        memory = mmap.mmap(self._descriptor, length, prot=mmap.PROT_READ, offset=offset)
        return _cut(memory, count, width, dtype)

    def close(self) -> None:
        """Close the descriptor; the memory stays until the last array in it is gone. May be called again."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1


def whole_pages(length: int) -> int:
    """`length` bytes, up to the next multiple of what can be mapped."""
    return -(-length // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY


def _cut(memory: mmap.mmap, count: int, width: int, dtype: np.dtype) -> list[np.ndarray]:
    stride = whole_pages(width * dtype.itemsize)
    return [np.frombuffer(memory, dtype, width, index * stride) for index in range(count)]


def _made() -> tuple[int, int]:
    """A new segment's descriptors, for writing and for reading."""
    opened: list[int] = []
    try:
        opened.append(os.memfd_create("lockstep", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
        os.ftruncate(opened[0], SEGMENT_BYTES)
        os.fchmod(opened[0], _ONLY_OWNER_READS)
        fcntl.fcntl(opened[0], fcntl.F_ADD_SEALS, _SEALS)
        opened.append(os.open(f"/proc/self/fd/{opened[0]}", os.O_RDONLY | os.O_CLOEXEC))
        return opened[0], opened[1]
    except (OSError, AttributeError) as error:
        for descriptor in opened:
            os.close(descriptor)
        raise NoSharedMemory(f"no memory can be shared here: {error}") from error


def _check(descriptor: int) -> None:
    """Raise OSError unless it is a segment: of the one length, which nobody can alter."""
    seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
    length = os.fstat(descriptor).st_size
    if seals & _SEALS != _SEALS or length != SEGMENT_BYTES:
        raise OSError(f"seals {seals:#x}, {length} bytes")
