"""All-reduce by each contestant: the sum of one float32 vector a process, left with every process.

`check SEED` sums up random vectors and tells the digest of the sum, and whether it is right; `burst COUNT`
does it so often with zeros, which stay zeros however often they are summed, and tells the seconds and the
processor's seconds of it. What is timed is the exchange and the additions: each contestant finds its vector
where it wants it, as a training step leaves it there.
"""

import hashlib
import os
import time
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from benchmarks.group import ours
from benchmarks.group.member import Answers, Seat
from benchmarks.group.ours import Given

_HEAD_BYTES = 4096
_WHOLE_BYTES = 4_000_000
"""Up to here both add everything."""


class Reducer(Protocol):
    """One rank's side of a contestant."""

    def fill(self, vector: np.ndarray) -> None:
        """Have this vector (width,) as one's own."""

    def reduce(self) -> np.ndarray:
        """Sum up what the ranks have, on all of them; may lie where `fill` put this rank's."""


class Ours:
    """A group of one transport; each member has one leaf."""

    def __init__(self, seat: Seat, width: int, transport: str) -> None:
        self._group = ours.meet(seat, transport)
        self._work = Given(np.zeros(width, np.float32), seat.size)
        self._out = np.zeros(width, np.float32)

    def fill(self, vector: np.ndarray) -> None:
        """See Reducer."""
        self._work.given = vector

    def reduce(self) -> np.ndarray:
        """See Reducer."""
        self._group.all_reduce(self._work, self._out, admits=False)
        self._work.given = None
        return self._out


class Gloo:
    """torch.distributed over gloo, as DDP uses it between CPUs."""

    def __init__(self, seat: Seat, width: int) -> None:
        import torch
        from torch import distributed

        torch.set_num_threads(1)
        distributed.init_process_group(
            "gloo", init_method=f"file://{seat.folder}/gloo", rank=seat.rank, world_size=seat.size
        )
        self._all_reduce = distributed.all_reduce
        self._tensor = torch.zeros(width, dtype=torch.float32)
        self._vector: np.ndarray = self._tensor.numpy()

    def fill(self, vector: np.ndarray) -> None:
        """See Reducer."""
        np.copyto(self._vector, vector)

    def reduce(self) -> np.ndarray:
        """See Reducer."""
        self._all_reduce(self._tensor)
        return self._vector


class DeepSpeed(Gloo):
    """DeepSpeed's all-reduce in shared memory, which its inference uses between the CPUs of one host."""

    def __init__(self, seat: Seat, width: int) -> None:
        import torch
        from deepspeed.ops.op_builder.cpu import ShareMemCommBuilder

        # It names its segments by these.
        os.environ |= {
            "LOCAL_SIZE": str(seat.size),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": seat.folder.name,
        }
        if seat.rank == 0:
            ShareMemCommBuilder().load(verbose=False)  # compiles it where need be
        super().__init__(seat, width)
        from torch import distributed

        distributed.barrier()
        ShareMemCommBuilder().load(verbose=False).initialize(seat.size, seat.rank)
        self._all_reduce = torch.ops.deepspeed.inference_all_reduce_


class Mpi:
    """mpi4py with the MPICH of its wheel."""

    def __init__(self, seat: Seat, width: int) -> None:
        from mpi4py import MPI

        self._all_reduce = MPI.COMM_WORLD.Allreduce
        self._in_place = MPI.IN_PLACE
        assert MPI.COMM_WORLD.rank == seat.rank
        self._vector = np.zeros(width, np.float32)

    def fill(self, vector: np.ndarray) -> None:
        """See Reducer."""
        np.copyto(self._vector, vector)

    def reduce(self) -> np.ndarray:
        """See Reducer."""
        self._all_reduce(self._in_place, self._vector)
        return self._vector


class Floor:
    """What NumPy can do here at best: two that spin, on a core each, and add what lies in a file of both.

    Nobody proves anything, waits with a deadline or survives a loss.
    """

    def __init__(self, seat: Seat, width: int) -> None:
        assert seat.size == 2
        path = seat.folder / "floor"
        if seat.rank == 0:
            unfinished = path.with_suffix(".part")
            unfinished.write_bytes(bytes(_HEAD_BYTES + 3 * 4 * width))
            unfinished.rename(path)
        while not path.exists():
            time.sleep(0.01)
        whole = np.memmap(path, np.float32, mode="r+", offset=_HEAD_BYTES).reshape(3, width)
        self._own, self._other = whole[seat.rank], whole[1 - seat.rank]
        self._out = np.zeros(width, np.float32)
        turns = np.memmap(path, np.int64, mode="r+", shape=_HEAD_BYTES // 8)
        self._turns, self._mine, self._theirs = turns.data, seat.rank * 64, (1 - seat.rank) * 64
        self._turn = 0
        half = width // 2
        self._half = slice(0, half) if seat.rank == 0 else slice(half, width)
        self._total: np.ndarray = whole[2]
        self._is_whole = 4 * width <= _WHOLE_BYTES

    def _meet(self) -> None:
        self._turn += 1
        self._turns[self._mine] = self._turn
        while self._turns[self._theirs] < self._turn:
            os.sched_yield()

    def fill(self, vector: np.ndarray) -> None:
        """See Reducer."""
        np.copyto(self._own, vector)

    def reduce(self) -> np.ndarray:
        """See Reducer."""
        self._meet()
        if self._is_whole:
            np.add(self._own, self._other, out=self._out)
            self._meet()
            return self._out
        np.add(self._own[self._half], self._other[self._half], out=self._total[self._half])
        self._meet()
        return self._total


class Redis:
    """Two processes and a Redis between them: each puts its vector there, wakes the other and takes its."""

    def __init__(self, seat: Seat, width: int) -> None:
        import redis

        assert seat.size == 2
        self._redis = redis.Redis("127.0.0.1", int(os.environ["BENCHMARK_REDIS_PORT"]))
        self._rank, self._turn = seat.rank, 0
        self._vector = np.zeros(width, np.float32)

    def fill(self, vector: np.ndarray) -> None:
        """See Reducer."""
        np.copyto(self._vector, vector)

    def reduce(self) -> np.ndarray:
        """See Reducer."""
        self._turn ^= 1
        mine, theirs = self._rank, 1 - self._rank
        pipe = self._redis.pipeline(transaction=False)
        pipe.set(f"{mine}:{self._turn}", self._vector.tobytes())
        pipe.rpush(f"wake:{theirs}", b"1")
        pipe.execute()
        self._redis.blpop(f"wake:{mine}")
        other = np.frombuffer(self._redis.get(f"{theirs}:{self._turn}"), np.float32)  # type: ignore[arg-type]
        np.add(self._vector, other, out=self._vector)
        return self._vector


def _reducer(seat: Seat, name: str, width: int) -> Reducer:
    if name in ours.TRANSPORTS:
        return Ours(seat, width, name)
    peers: dict[str, Callable[[Seat, int], Reducer]] = {
        "floor": Floor,
        "gloo": Gloo,
        "deepspeed": DeepSpeed,
        "mpi": Mpi,
        "redis": Redis,
    }
    return peers[name](seat, width)


def make(seat: Seat, name: str, width: str) -> Answers:
    """See Members."""
    reducer = _reducer(seat, name, int(width))

    def check(seed: str) -> dict[str, Any]:
        vectors = [
            np.random.default_rng([int(seed), rank]).standard_normal(int(width), np.float32)
            for rank in range(seat.size)
        ]
        reducer.fill(vectors[seat.rank])
        total = reducer.reduce()
        right = bool(np.allclose(total, np.sum(vectors, axis=0, dtype=np.float64), rtol=1e-5, atol=1e-5))
        digest = hashlib.sha256(total.tobytes()).hexdigest()
        reducer.fill(np.zeros(int(width), np.float32))
        reducer.reduce()
        return {"right": right, "digest": digest}

    def burst(count: str) -> dict[str, Any]:
        reducer.reduce()
        begin, busy = time.perf_counter(), time.process_time()
        for _ in range(int(count)):
            reducer.reduce()
        return {"seconds": time.perf_counter() - begin, "cpu": time.process_time() - busy}

    return {"check": check, "burst": burst}
