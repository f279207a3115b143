"""Jobs of a few steps of each kind, one for each way to end, and attempts broken off at a given step."""

from typing import Any

from sqlalchemy import Engine, event

from lockstep.service.store.jobs import Job
from tests.stored_jobs import ask
from tests.worker.bench import LINE, Bench

NET: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 4},
            {"type": "tanh"},
            {"type": "linear", "in": 4, "out": 2},
        ]
    },
    "data": {"generator": "moons", "size": 30, "noise": 0.1, "seed": 1, "validation_fraction": 0.2},
    "loss": "cross_entropy",
    "optimizer": {"type": "adam", "learning_rate": 0.05},
    "epochs": 4,
    "batch_size": 10,
    "seed": 7,
    "shards": 2,
}
"""24 rows by 10: three steps an epoch, the last of four rows."""
BOWL: dict[str, Any] = {
    "kind": "minimize",
    "objective": "x**2 + y**2",
    "start": {"x": 1.2, "y": -1},
    "optimizer": {"type": "sgd", "learning_rate": 0.1, "momentum": 0.5},
    "steps": 7,
}
PRODUCT: dict[str, Any] = {
    "kind": "solve",
    "expression": "(2*w + 3*b)*(2*b + 1)",
    "start": {"w": 3, "b": 4},
    "target": 150,
    "tolerance": 1e-9,
    "steps": 7,
}


def _goal(value: float, of: str) -> dict[str, Any]:
    return {"stop": {"loss_below": {"value": value, "of": of}}}


JOBS: dict[str, tuple[dict[str, Any], str]] = {
    "all steps": (NET | {"epochs": 2}, "steps_done"),
    "loss of a step": (NET | _goal(0.55, "step"), "loss_below"),
    "loss of an epoch": (NET | _goal(0.6, "epoch"), "loss_below"),
    "loss of the training part": (NET | _goal(0.55, "train"), "loss_below"),
    "loss of the validation part": (NET | _goal(0.6, "validation"), "loss_below"),
    "patience": (
        NET
        | {
            "optimizer": {"type": "sgd", "learning_rate": 9.0},
            "stop": {"patience": 1, "restore_best": True},
            "schedule": {"type": "reduce_on_plateau", "patience": 0},
        },
        "patience",
    ),
    "formula": (LINE | {"epochs": 6}, "steps_done"),
    "loss of a formula": (LINE | {"stop": {"loss_below": 0.82}}, "loss_below"),
    "minimize": (BOWL, "steps_done"),
    "minimize to a value": (BOWL | {"stop": {"value_below": 0.3}}, "value_below"),
    "minimize to a slope": (BOWL | {"stop": {"gradient_norm_below": 1.5}}, "gradient_norm_below"),
    "solve": (PRODUCT | {"tolerance": 0, "refresh_gradient": False}, "steps_done"),
    "solve to a tolerance": (PRODUCT, "tolerance"),
}
"""By name: the job, and why it ends."""


class Died(BaseException):
    """A process that dies does not get to its `except` clauses."""


class Look:
    """For `draining`: at the `number`-th look it drains, dies, or does what a user may; `missed` if not."""

    def __init__(self, bench: Bench, job_id: str, number: int, what: str) -> None:
        self._bench, self._job_id, self._what = bench, job_id, what
        self._left = number
        self.missed = True

    def __call__(self) -> bool:
        self._left -= 1
        if self._left:
            return False
        self.missed = False
        if self._what == "die":
            raise Died
        if self._what in ("cancel", "pause"):
            ask(self._bench.database, self._what, self._job_id)
        return self._what == "drain"


def lead_on(bench: Bench) -> Job:
    """Lead the oldest job until it is over, as many attempts as that takes: at most three."""
    for _ in range(3):
        job = bench.lead()
        if job.is_terminal:
            return job
    raise AssertionError(f"expected a job that ends, got {job}")


class DiesAtItsEnd:
    """While it is open, a process dies when it is about to save what the job learned."""

    def __enter__(self) -> None:
        event.listen(Engine, "before_cursor_execute", self._look)

    def __exit__(self, *_: object) -> None:
        event.remove(Engine, "before_cursor_execute", self._look)

    @staticmethod
    def _look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO weights"):
            raise Died
