"""What a loss is: one word of the language, with all that Lockstep needs of it."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Generic, Literal, TypeVar

import numpy as np

from lockstep.core.ground.buffers import aligned
from lockstep.core.ground.fields import SpecModel
from lockstep.core.losses.readings import Reading
from lockstep.core.losses.site import LossSite
from lockstep.core.losses.targets import Targets
from lockstep.core.model.notation import Notation

Mean = Literal["elements", "rows", "targets", "weights", "none"]
"""What a loss's sum is divided by; "weights": those of the targets that count; "none": it stays a sum."""
Measured = Literal["classes", "questions", "values", "nothing"]
"""What the metrics compare: a class for each target, a yes or no for each output, numbers, or nothing."""


class LossSpec(SpecModel):
    """The settings of a loss, as a spec has them."""

    if TYPE_CHECKING:  # a field of each loss's own, at the place where its schema has it
        type: str


S = TypeVar("S", bound=LossSpec)


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """A setting of a loss that has a number for each class, or for each output."""

    key: str
    values: tuple[float, ...]
    each: Literal["class", "output"]


class Loss(ABC, Generic[S]):
    """One kind of loss with its settings: its sum and, beside it, its gradient, and what they are about.

    `settings`: the class of the settings. `aliases`: what other systems call it. `formula`: its one slope is
    that by the output ŷ, or by the error r. `mean`: what the sum is divided by. `mixes`: whether a target
    between two others means something to it. `measured`: which metrics there are under it. `targets`: what
    targets it takes. `reading`: what the model's outputs say.

    Of use to some alone: `rows_last`: it wants the output in memory as (outputs, rows). `stacks`: whether it
    can work on several shards at once, with the bits of one after another. `squares`: the loss is that many
    times the sum of the errors' squares. `other`: the loss to take where the outputs, or the classes of the
    data, do not fit this one.
    """

    name: ClassVar[str]
    settings: ClassVar[type[LossSpec]]
    aliases: ClassVar[tuple[str, ...]]
    formula: ClassVar[Notation]
    mean: ClassVar[Mean]
    mixes: ClassVar[bool]
    measured: ClassVar[Measured]
    rows_last: ClassVar[bool] = False
    stacks: ClassVar[bool] = False
    squares: ClassVar[float | None] = None
    other: ClassVar[str | None] = None

    def __init__(self, spec: S) -> None:
        self.spec = spec

    @classmethod
    def of(cls, spec: S) -> "Loss[S]":
        """The loss with these settings; some have a quicker way without any."""
        return cls(spec)

    @property
    @abstractmethod
    def targets(self) -> Targets:
        """What targets the loss takes."""

    @property
    @abstractmethod
    def reading(self) -> Reading:
        """What the outputs of a model trained by the loss say."""

    @property
    def weights(self) -> LossWeights | None:
        """The setting that has a number for each class or output, where it is given."""
        return None

    @abstractmethod
    def forward(self, site: LossSite) -> None:
        """Append the calls that write `site.total`."""

    @abstractmethod
    def gradient(self, site: LossSite) -> None:
        """Append the calls that write `site.gradient`; those of `forward` come before them."""

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """How much each class counts; None where all count alike."""
        return self.weights.values if self.weights and self.weights.each == "class" else None

    def room(self, output: np.ndarray) -> np.ndarray:
        """Room for the targets of `output`, as core.data gives them."""
        rows = len(output)
        if not self.targets.are_classes:
            return aligned((rows, output.size // rows), output.dtype)
        places = output.size // rows // output.shape[-1]
        return aligned((rows, places) if places > 1 else (rows,), np.dtype(np.int64))
