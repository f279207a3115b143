"""The data of a spec: a data set that comes with Lockstep, numbers in the spec itself, or a generator."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from lockstep.core.data.augmentation_spec import Augmentations
from lockstep.core.ground.fields import Fraction, Real, Seed, SpecModel, Switch, Whole
from lockstep.core.ground.numbers import Table

MAX_SIZE = 1_000_000
MAX_CLASSES = 100

BuiltinName = Literal["digits", "iris", "wine", "breast_cancer", "diabetes"]
GeneratorName = Literal["line", "quadratic", "xor", "moons", "circles", "spiral", "blobs", "yin_yang"]


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
    """Rows made by a formula and random numbers.

    line (y = 2x + 1) and quadratic (y = x²) have one column and values; xor, moons, circles, spiral and blobs
    have two columns and classes. yin_yang has the columns x, y, 1 - x, 1 - y and the classes of Kriener,
    Göltz, Petrovici, "The Yin-Yang dataset" (2021): the two halves and the dots, as often one as another.
    """

    generator: GeneratorName
    """which formula"""
    size: Annotated[int, Whole(ge=1, le=MAX_SIZE)] = 200
    """how many rows"""
    noise: Annotated[Real, Field(ge=0, le=1000)] = 0.1
    """the standard deviation of what is added: to y of line and quadratic, to the positions of the others;
    0 for yin_yang if not given"""
    seed: Seed = 0
    """where this data's random numbers start; the job's own seed plays no part"""
    classes: Annotated[int, Whole(ge=2, le=MAX_CLASSES)] | None = None
    """how many classes spiral (default 2) and blobs (default 3) have; the others' are fixed"""

    @model_validator(mode="before")
    @classmethod
    def _published_without_noise(cls, value: object) -> object:
        if isinstance(value, dict) and value.get("generator") == "yin_yang":
            return {"noise": 0.0} | value
        return value


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
