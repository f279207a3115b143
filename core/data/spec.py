"""The data of a spec: a data set that comes with Lockstep, numbers in the spec itself, or a generator."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from lockstep.core.data.augmentations import Augmentations
from lockstep.core.data.builtins import BUILTINS
from lockstep.core.data.generators import GENERATORS, USUAL_NOISE, Generator
from lockstep.core.data.generators.descriptions import classes_in_words, noise_in_words, rows_in_words
from lockstep.core.ground.fields import Fraction, Real, Seed, SpecModel, Switch, Whole
from lockstep.core.ground.numbers import Table

MAX_SIZE = 1_000_000
MAX_CLASSES = 100

if TYPE_CHECKING:
    BuiltinName = str
    GeneratorName = str
else:
    BuiltinName = Literal[tuple(BUILTINS)]
    GeneratorName = Literal[tuple(GENERATORS)]


class DataOptions(SpecModel):
    """How rows are parted and prepared, whatever their source.

    The rows are shuffled by the job's seed before they are parted, so the parts follow from it alone.
    """

    test_fraction: Fraction = 0.0
    """the part of the rows kept for the metrics at the end; at least one row if above 0"""
    validation_fraction: Fraction = 0.0
    """the part of the rows kept for the metrics after each epoch; at least one row if above 0"""
    standardize: Switch = False
    """whether each column is shifted and scaled to mean 0 and variance 1 over the training rows"""
    augment: Augmentations = ()
    """what is done to the training rows at each step, in this order; after standardizing"""


class BuiltinData(DataOptions):
    """A data set that comes with Lockstep."""

    builtin: BuiltinName
    """its name"""


class InlineRows(SpecModel):
    """The rows themselves; a flat list is one column."""

    x: Table
    """the inputs, a row for each sample"""
    y: Table
    """the targets, a row for each sample; class numbers from 0 for losses of classes"""


class InlineData(DataOptions):
    """Numbers in the spec itself."""

    inline: InlineRows
    """inputs and targets"""


class GeneratedData(DataOptions):
    """Rows made by a formula and random numbers."""

    model_config = ConfigDict(
        json_schema_extra={"description": f"Rows made by a formula and random numbers.\n\n{rows_in_words()}"}
    )

    generator: GeneratorName
    """which formula"""
    size: Annotated[int, Whole(ge=1, le=MAX_SIZE)] = 200
    """how many rows"""
    noise: Annotated[Real, Field(ge=0, le=1000, description=noise_in_words())] = USUAL_NOISE
    seed: Seed = 0
    """where this data's random numbers start; the job's own seed plays no part"""
    classes: Annotated[
        Annotated[int, Whole(ge=2, le=MAX_CLASSES)] | None, Field(description=classes_in_words())
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _has_its_own_noise(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        name = value.get("generator")
        kind = GENERATORS.get(name) if isinstance(name, str) else None
        return value if kind is None or kind.noise == USUAL_NOISE else {"noise": kind.noise} | value

    @property
    def kind(self) -> type[Generator]:
        """What makes the rows."""
        return GENERATORS[self.generator]

    @property
    def class_count(self) -> int:
        """How many classes there are; 0 where there are values."""
        chosen = self.classes if self.kind.classes_are_free else None
        return self.kind.classes if chosen is None else chosen


_KINDS = {"builtin": BuiltinData, "inline": InlineData, "generator": GeneratedData}


def _kind_of_data(value: object) -> str | None:
    for key, kind in _KINDS.items():
        if isinstance(value, kind) or (isinstance(value, dict) and key in value):
            return f"<{key}>"
    return None


Data = Annotated[
    Annotated[BuiltinData, Tag("<builtin>")]
    | Annotated[InlineData, Tag("<inline>")]
    | Annotated[GeneratedData, Tag("<generator>")],
    Discriminator(_kind_of_data, custom_error_type="data_kind", custom_error_message="expected data"),
]
