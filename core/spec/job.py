"""The spec of a training job, as one frozen value."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from lockstep.core.data.spec import Data
from lockstep.core.ground.fields import Seed, SpecModel, Switch, Whole
from lockstep.core.losses.kinds import AnyLoss
from lockstep.core.metrics.kinds import Metrics
from lockstep.core.model.spec import LayersModel, Model
from lockstep.core.optim import AnyOptimizer
from lockstep.core.optim.clipping import Clip
from lockstep.core.optim.penalty import Penalty
from lockstep.core.optim.schedules import AnySchedule
from lockstep.core.spec.kept import CheckpointRules
from lockstep.core.spec.labels import DType, Labels
from lockstep.core.spec.stop import StopRules

MAX_SHARDS = 64
MAX_BATCH = 1_000_000
MAX_EPOCHS = 1_000_000
MAX_ACCUMULATE = 1_000


def _kind_of_batch(value: object) -> str:
    return "<full>" if isinstance(value, str) else "<rows>"


BatchSize = Annotated[
    Annotated[int, Whole(ge=1, le=MAX_BATCH), Tag("<rows>")] | Annotated[Literal["full"], Tag("<full>")],
    Discriminator(_kind_of_batch),
]


def _kind_of_workers(value: object) -> str:
    return "<auto>" if isinstance(value, str) else "<number>"


Workers = Annotated[
    Annotated[int, Whole(ge=1, le=MAX_SHARDS), Tag("<number>")] | Annotated[Literal["auto"], Tag("<auto>")],
    Discriminator(_kind_of_workers),
]


JOB_ID_PATTERN = r"^job_[0-9a-z]{1,59}$"
JobId = Annotated[str, StringConstraints(pattern=JOB_ID_PATTERN)]
"""The id of a job."""


class StartPoint(SpecModel):
    """A state of a job along its way."""

    job: JobId
    """whose weights"""
    step: Annotated[int, Whole(ge=0)]
    """after how many of its steps: one of which it has a checkpoint; 0: before training"""


def _kind_of_start(value: object) -> str:
    return "<start point>" if isinstance(value, (dict, StartPoint)) else "<start>"


StartFrom = Annotated[
    Annotated[JobId, Tag("<start>")] | Annotated[StartPoint, Tag("<start point>")],
    Discriminator(_kind_of_start),
]


class TrainSpec(Labels):
    """What to train, on what, and how. `seed`, `dtype` and `shards` may be None: `resolve` fills them."""

    kind: Literal["train"] = "train"
    """what sort of job this is"""
    model: Model
    """layers, or an expression"""
    data: Data
    """a built-in data set, inline numbers, or a generator"""
    loss: AnyLoss
    """what training makes small"""
    optimizer: AnyOptimizer
    """how the weights follow the gradients"""
    schedule: AnySchedule | None = None
    """how the learning rate changes; it is then a series of the history"""
    clip: Clip | None = None
    """limits to the gradient"""
    penalty: Penalty | None = None
    """a price of large weights, part of the loss"""
    start_from: StartFrom | None = None
    """a job whose weights this one starts with: it is over, and its parameters have these names and shapes;
    {"job": ID, "step": N} takes those of a checkpoint. They are kept from submission on"""
    epochs: Annotated[int, Whole(ge=1, le=MAX_EPOCHS)] = 10
    """how many times to go over the training rows"""
    batch_size: BatchSize = 32
    """how many rows make one step; "full": all, in the data's order; the last batch may be shorter"""
    accumulate: Annotated[int, Whole(ge=1, le=MAX_ACCUMULATE)] = 1
    """how many batches make one step: their gradients are added, and a step's batch is as many times as
    large; what memory a step takes stays that of one batch"""
    shuffle: Switch = True
    """whether each epoch takes the rows in a new order; without effect where batch_size is "full" """
    seed: Seed | None = None
    """where the job's random numbers start; drawn and told if not given"""
    dtype: DType | None = None
    """the kind of number; float32 for layers and float64 for expressions if not given"""
    workers: Workers = 1
    """how many workers may train together, the lead included; at most `shards`; "auto": as many as make it
    faster"""
    shards: Annotated[int, Whole(ge=1, le=MAX_SHARDS)] | None = None
    """into how many parts each batch is cut, a power of two; fixes the result's bits, whatever the workers"""
    stop: StopRules = Field(default_factory=StopRules)
    """when to end early"""
    metrics: Metrics | None = None
    """what is measured beside the validation loss after each epoch; if not given accuracy, or mae, rmse, r2;
    the result has all metrics of its kind in any case, top_k_accuracy alone has to be named"""
    checkpoints: CheckpointRules | None = None
    """which states are kept along the way, beside those that the job itself goes on from"""

    @property
    def start_job(self) -> str | None:
        """The id of the job whose weights this one starts with."""
        return self.start_from.job if isinstance(self.start_from, StartPoint) else self.start_from

    @property
    def start_step(self) -> int | None:
        """After how many steps of it; None: as it ended."""
        return self.start_from.step if isinstance(self.start_from, StartPoint) else None

    @property
    def step_rows(self) -> int | Literal["full"]:
        """How many rows make one step; the last of an epoch may have fewer."""
        return "full" if self.batch_size == "full" else self.batch_size * self.accumulate


def default_dtype(spec: TrainSpec) -> DType:
    """What kind of number a job computes with if its spec does not say: formulas are for exact answers."""
    return "float32" if isinstance(spec.model, LayersModel) else "float64"


class ResolvedSpec(TrainSpec):
    """A spec with nothing left open: what is stored, and what workers train by."""

    seed: Seed
    """where the job's random numbers start"""
    dtype: DType
    """the kind of number"""
    shards: Annotated[int, Whole(ge=1, le=MAX_SHARDS)]
    """into how many parts each batch is cut"""

    @property
    def most_workers(self) -> int:
        """How many workers may train together, the lead included."""
        return self.shards if self.workers == "auto" else self.workers
