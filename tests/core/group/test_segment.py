"""A segment: written by its owner alone, never shorter, without a name, gone with its processes."""

import contextlib
import errno
import fcntl
import mmap
import os
from pathlib import Path

import numpy as np
import pytest

from lockstep.core.group.segment import SEGMENT_BYTES, STATE_OFFSET, NoSharedMemory, PeerSegment, Segment

FLOAT = np.dtype(np.float32)


def test_what_the_owner_writes_others_read_in_place() -> None:
    own = Segment()
    peer = PeerSegment(os.dup(own.readable))
    mine = own.vectors(STATE_OFFSET, 3, 2_000, FLOAT)
    theirs = peer.vectors(STATE_OFFSET, 3, 2_000, FLOAT)

    for number, vector in enumerate(mine):
        vector[:] = number + np.arange(2_000)

    for number, vector in enumerate(theirs):
        np.testing.assert_array_equal(vector, number + np.arange(2_000, dtype=FLOAT))
        assert vector.ctypes.data % 64 == 0
    own.close()
    peer.close()


def test_another_s_segment_cannot_be_written() -> None:
    own = Segment()
    peer = PeerSegment(os.dup(own.readable))
    (theirs,) = peer.vectors(STATE_OFFSET, 1, 10, FLOAT)

    with pytest.raises(ValueError, match="read-only"):
        theirs[0] = 1
    with pytest.raises(ValueError, match="WRITEABLE"):
        theirs.flags.writeable = True
    with pytest.raises(TypeError, match="read-only"):
        peer.words[0] = 1
    with pytest.raises(PermissionError):
        mmap.mmap(own.readable, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    with pytest.raises(OSError, match="Bad file"):
        os.pwrite(own.readable, b"x", 0)
    with pytest.raises(OSError, match="not permitted"):
        fcntl.fcntl(own.readable, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    own.close()
    peer.close()


@pytest.mark.parametrize("length", [0, 4096, SEGMENT_BYTES - 4096, SEGMENT_BYTES + 4096])
def test_the_length_is_sealed_for_its_owner_too(length: int) -> None:
    own = Segment()

    with pytest.raises(OSError, match=r"not permitted|Invalid argument"):
        os.truncate(f"/proc/self/fd/{own.readable}", length)

    own.close()


@pytest.mark.parametrize("what", ["a pipe", "a file", "an unsealed segment", "a short segment"])
def test_what_is_no_segment_is_refused_and_closed(tmp_path: Path, what: str) -> None:
    if what == "a pipe":
        descriptor, other = os.pipe()
        os.close(other)
    elif what == "a file":
        descriptor = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
        os.ftruncate(descriptor, SEGMENT_BYTES)
    else:
        descriptor = os.memfd_create("it", os.MFD_ALLOW_SEALING)
        os.ftruncate(descriptor, 4096 if what == "a short segment" else SEGMENT_BYTES)
        if what == "a short segment":
            fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, 7)

    with pytest.raises(NoSharedMemory, match="expected a peer's segment"):
        PeerSegment(descriptor)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_a_system_that_has_none_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    before = descriptors()
    monkeypatch.setattr(os, "memfd_create", refuse)
    with pytest.raises(NoSharedMemory, match="Function not implemented"):
        Segment()
    monkeypatch.undo()
    monkeypatch.delattr(os, "memfd_create")
    with pytest.raises(NoSharedMemory):
        Segment()

    assert descriptors() == before


def test_short_memory_is_an_error_before_anything_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Segment()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(OSError, match="No space"):
        own.vectors(STATE_OFFSET, 1, 10, FLOAT)

    own.close()


def test_a_segment_takes_the_memory_of_what_is_in_it_and_no_name() -> None:
    own = Segment()
    own.vectors(STATE_OFFSET, 2, 100_000, FLOAT)

    assert os.fstat(own.readable).st_blocks * 512 < 1_000_000
    assert os.readlink(f"/proc/self/fd/{own.readable}").startswith("/memfd:")
    assert os.readlink(f"/proc/self/fd/{own.readable}").endswith(" (deleted)")
    own.close()


def test_nothing_stays_open_or_mapped() -> None:
    before = descriptors(), segments_mapped()
    own = Segment()
    peer = PeerSegment(os.dup(own.readable))
    arrays = own.vectors(STATE_OFFSET, 2, 100, FLOAT) + peer.vectors(STATE_OFFSET, 2, 100, FLOAT)
    for segment in (own, peer, own, peer):
        segment.close()
    arrays[0][:] = 1
    assert arrays[2][0] == 1
    del arrays, own, peer, segment

    assert (descriptors(), segments_mapped()) == before


def descriptors() -> int:
    """How many segments and bells this process has open; what else it has is other tests' business."""
    count = 0
    for each in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # closed since
            count += os.readlink(each).startswith(("/memfd:lockstep", "anon_inode:[eventfd]"))
    return count


def segments_mapped() -> int:
    """How many parts of segments this process has mapped."""
    return Path("/proc/self/maps").read_text().count("/memfd:lockstep")


def test_a_member_without_blocks_has_no_vectors() -> None:
    segment = Segment()
    try:
        assert segment.vectors(STATE_OFFSET, 0, 5, np.dtype(np.float32)) == []
    finally:
        segment.close()
