"""What training in a group is compared with: half the batch on each of two cores, and torch's DDP.

`check PATH` takes a few steps at an ordinary rate and puts the weights there; `burst COUNT` takes so many
steps at the tiny rate, after a few that are not counted, and tells the seconds.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from benchmarks.core.workloads import CHECK_RATES, CHECK_STEPS, TINY_RATES, OptimizerName, Workload
from benchmarks.group.member import Answers, Seat
from benchmarks.group.nets import NETS, module


class Trainer(Protocol):
    """One rank's side of a contestant."""

    def start(self, rate: float) -> None:
        """Begin anew, from the net's weights, with this learning rate."""

    def steps(self, count: int) -> None:
        """Do so many steps; the loss of each is computed and read."""

    def weights(self) -> Mapping[str, np.ndarray]:
        """The weights now, by their names in the net."""


def part(net: Workload, seat: Seat) -> slice:
    """The rows of a rank."""
    return slice(seat.rank * net.rows // seat.size, (seat.rank + 1) * net.rows // seat.size)


class Alone:
    """Lockstep on one rank's part of the batch, in one shard, without a word to the others.

    With one rank that is the whole net; with two the ceiling of a group of two.
    """

    def __init__(self, seat: Seat, net: Workload, optimizer: OptimizerName) -> None:
        self._net, self._optimizer, self._rows = net, optimizer, part(net, seat)
        self._rate = 0.0

    def start(self, rate: float) -> None:
        """See Trainer."""
        from lockstep.core.group.solo import SoloGroup
        from lockstep.core.learning.loading import load_dataset
        from lockstep.core.learning.training import Training
        from lockstep.core.submission import parse_spec, resolve

        raw = self._net.spec(self._optimizer, rate)
        rows = {name: values[self._rows] for name, values in raw["data"]["inline"].items()}
        spec = resolve(parse_spec(raw | {"data": {"inline": rows}, "epochs": 1_000_000}), lambda: 1)
        self._training = Training(spec, load_dataset(spec), SoloGroup(), start=self._net.weights())

    def steps(self, count: int) -> None:
        """See Trainer."""
        report = self._training.advance(count)
        if report.failure is not None:
            raise RuntimeError(f"expected {count} more steps, got {report}")

    def weights(self) -> Mapping[str, np.ndarray]:
        """See Trainer."""
        return self._training.outcome().weights


class Ddp:
    """torch.nn.parallel.DistributedDataParallel over gloo, with fused optimizers and gradients as views."""

    def __init__(self, seat: Seat, net: Workload, optimizer: OptimizerName) -> None:
        import torch
        from torch import distributed
        from torch.nn.parallel import DistributedDataParallel

        torch.set_num_threads(1)
        distributed.init_process_group(
            "gloo", init_method=f"file://{seat.folder}/gloo", rank=seat.rank, world_size=seat.size
        )
        x, y = net.data()
        self._x, self._y = torch.from_numpy(x[part(net, seat)]), torch.from_numpy(y[part(net, seat)])
        self._net, self._optimizer_name = net, optimizer
        self._module = module(net)
        self._start()
        self._parallel = DistributedDataParallel(self._module, gradient_as_bucket_view=True)

    def _start(self) -> None:
        import torch

        values = self._net.weights()
        with torch.no_grad():
            for name, parameter in self._module.named_parameters():
                parameter.copy_(torch.from_numpy(values[name]))

    def start(self, rate: float) -> None:
        """See Trainer."""
        from benchmarks.core.by_torch import OPTIMIZER_CLASSES

        self._start()
        kind = OPTIMIZER_CLASSES[self._optimizer_name]
        self._optimizer = kind(self._module.parameters(), lr=rate, fused=True)

    def steps(self, count: int) -> None:
        """See Trainer."""
        from torch.nn.functional import cross_entropy

        for _ in range(count):
            self._optimizer.zero_grad()
            loss = cross_entropy(self._parallel(self._x), self._y)
            loss.backward()
            self._optimizer.step()
            loss.item()

    def weights(self) -> Mapping[str, np.ndarray]:
        """See Trainer."""
        return {name: parameter.detach().numpy() for name, parameter in self._module.named_parameters()}


def make(seat: Seat, name: str, net: str, given: str) -> Answers:
    """See Members."""
    optimizer: OptimizerName = "adam" if given == "adam" else "sgd"
    kinds: dict[str, Callable[[Seat, Workload, OptimizerName], Trainer]] = {"alone": Alone, "ddp": Ddp}
    trainer = kinds[name](seat, NETS[net], optimizer)

    def check(path: str) -> dict[str, Any]:
        trainer.start(CHECK_RATES[optimizer])
        trainer.steps(CHECK_STEPS)
        with open(f"{path}.{seat.rank}", "wb") as file:
            np.savez(file, allow_pickle=False, **trainer.weights())
        trainer.start(TINY_RATES[optimizer])
        trainer.steps(3)
        return {}

    def burst(count: str) -> dict[str, Any]:
        trainer.steps(max(1, int(count) // 10))
        begin = time.perf_counter()
        trainer.steps(int(count))
        return {"seconds": time.perf_counter() - begin}

    return {"check": check, "burst": burst}
