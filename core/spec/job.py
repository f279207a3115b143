"""The spec of a training job, as one frozen value."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, StringConstraints, Tag

from core.spec.base import Seed, SpecModel, Switch, Text, Whole, few_entries
from core.spec.data import Data
from core.spec.layers import LayersModel, Model
from core.spec.training import Loss, Optimizer, StopRules

MAX_SHARDS = 64
MAX_BATCH = 1_000_000
MAX_EPOCHS = 1_000_000
MAX_METADATA = 16

DType = Literal["float32", "float64"]


def _kind_of_batch(value: object) -> str:
    return "<full>" if isinstance(value, str) else "<rows>"


BatchSize = Annotated[
    Annotated[int, Whole(ge=1, le=MAX_BATCH), Tag("<rows>")] | Annotated[Literal["full"], Tag("<full>")],
    Discriminator(_kind_of_batch),
]

MetadataKey = Annotated[Text, StringConstraints(min_length=1, max_length=64)]
MetadataValue = Annotated[Text, StringConstraints(max_length=512)]


class TrainSpec(SpecModel):
    """What to train, on what, and how. `seed`, `dtype` and `shards` may be None: `resolve` fills them."""

    kind: Literal["train"] = "train"
    """what sort of job this is"""
    name: Annotated[Text, StringConstraints(max_length=200)] | None = None
    """a name for people"""
    metadata: Annotated[
        dict[MetadataKey, MetadataValue], Field(max_length=MAX_METADATA), few_entries(MAX_METADATA)
    ] = Field(default_factory=dict)
    """texts of your own; the list of jobs can be filtered by them"""
    model: Model
    """layers, or an expression"""
    data: Data
    """a built-in data set, inline numbers, or a generator"""
    loss: Loss
    """what training makes small"""
    optimizer: Optimizer
    """how the weights follow the gradients"""
    epochs: Annotated[int, Whole(ge=1, le=MAX_EPOCHS)] = 10
    """how many times to go over the training rows"""
    batch_size: BatchSize = 32
    """how many rows make one step; "full": all, in the data's order; the last batch may be shorter"""
    shuffle: Switch = True
    """whether each epoch takes the rows in a new order; without effect where batch_size is "full" """
    seed: Seed | None = None
    """where the job's random numbers start; drawn and told if not given"""
    dtype: DType | None = None
    """the kind of number; float32 for layers and float64 for expressions if not given"""
    workers: Annotated[int, Whole(ge=1, le=MAX_SHARDS)] = 1
    """how many workers may train together, the lead included; at most `shards`"""
    shards: Annotated[int, Whole(ge=1, le=MAX_SHARDS)] | None = None
    """into how many parts each batch is cut, a power of two; fixes the result's bits, whatever the workers"""
    stop: StopRules = Field(default_factory=StopRules)
    """when to end early"""


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
