"""What the documents promise to be complete about."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from lockstep.core.data.augmentation_spec import Flip, Mixup, Noise, Shift
from lockstep.core.data.spec import BuiltinName, GeneratorName
from lockstep.core.losses.spec import LossSpec
from lockstep.core.metrics.spec import MetricSpec
from lockstep.core.model.initializer_spec import AnyStart
from lockstep.core.model.layers import LAYERS
from lockstep.core.optim import OPTIMIZERS
from lockstep.core.optim.schedules import SCHEDULES
from lockstep.core.spec.job import TrainSpec

SPEC = (Path(__file__).parent.parent / "docs" / "spec.md").read_text(encoding="utf-8")


def types_of(kinds: tuple[type[BaseModel], ...]) -> list[str]:
    return [name for kind in kinds for name in get_args(kind.model_fields["type"].annotation)]


@pytest.mark.parametrize(
    "names",
    [
        list(LAYERS),
        list(OPTIMIZERS),
        list(SCHEDULES),
        types_of(get_args(LossSpec)),
        types_of(get_args(MetricSpec)),
        types_of((Noise, Mixup, Flip, Shift)),
        types_of(get_args(AnyStart)),
        list(get_args(BuiltinName)),
        list(get_args(GeneratorName)),
        [field.alias or name for name, field in TrainSpec.model_fields.items()],
        sorted({key.alias or name for kind in LAYERS.values() for name, key in kind.model_fields.items()}),
    ],
    ids=[
        *("layers", "optimizers", "schedules", "losses", "metrics", "augmentation", "starts"),
        *("builtins", "generators", "job", "keys"),
    ],
)
def test_every_word_of_a_spec_is_in_the_reference(names: list[str]) -> None:
    assert names
    assert not [name for name in names if name != "type" and f"`{name}`" not in SPEC]
