"""What the documents promise to be complete about."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from lockstep.core.data.augmentations import AUGMENTATIONS
from lockstep.core.data.builtins import BUILTINS
from lockstep.core.data.generators import GENERATORS
from lockstep.core.losses import LOSSES, loss_of
from lockstep.core.metrics import METRICS
from lockstep.core.model.initializers import INITIALIZERS
from lockstep.core.model.layers import LAYERS
from lockstep.core.optim import OPTIMIZERS
from lockstep.core.optim.schedules import SCHEDULES
from lockstep.core.spec.job import TrainSpec
from tests.gradcheck import loss

SPEC = (Path(__file__).parent.parent / "docs" / "spec.md").read_text(encoding="utf-8")


def types_of(kinds: tuple[type[BaseModel], ...]) -> list[str]:
    return [name for kind in kinds for name in get_args(kind.model_fields["type"].annotation)]


@pytest.mark.parametrize(
    "names",
    [
        list(LAYERS),
        list(OPTIMIZERS),
        list(SCHEDULES),
        list(LOSSES),
        list(METRICS),
        list(AUGMENTATIONS),
        list(INITIALIZERS),
        list(BUILTINS),
        list(GENERATORS),
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


def row_of(layer: str) -> list[str]:
    """The cells of the reference's row that describes a layer: its names, its keys, its weights."""
    section = SPEC[SPEC.index("## Layers") : SPEC.index("## Losses")]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    found = [row for row in rows if f"`{layer}`" in row[0]]
    assert found, f'no row for the layer "{layer}": add one to the table of docs/spec.md'
    return found[0]


@pytest.mark.parametrize("layer", LAYERS)
def test_the_row_of_a_layer_has_its_keys_and_their_defaults(layer: str) -> None:
    names, keys, *_ = row_of(layer)
    told = re.findall(r"`(\w+)`(?: ([\w.-]+))?", keys)
    together = [LAYERS[name] for name in re.findall(r"`(\w+)`", names)]

    fields = {
        field.alias or key: field
        for kind in together
        for key, field in kind.model_fields.items()
        if key != "type"
    }
    assert {key for key, _ in told if key in fields or key not in LAYERS} == set(fields)
    for key, default in told:
        wanted = fields[key].default if key in fields else None
        wanted = wanted[0] if isinstance(wanted, tuple) else wanted
        if isinstance(wanted, bool):
            assert default == str(wanted).lower(), key
        elif isinstance(wanted, (int, float)):
            assert float(default) == wanted, key
        elif isinstance(wanted, str):
            assert re.search(rf"`{key}` [^,;/]*\b{wanted}\b", keys), key


MEANS = {
    "elements": "elements",
    "rows": "rows",
    "targets": "targets",
    "weights": "counted targets, by weight",
    "none": "nothing: a sum",
}
"""What the table of losses calls them."""


def row_of_loss(loss: str) -> list[str]:
    """The cells of a loss's row, without the first."""
    lines = SPEC.partition("## Losses")[2].partition("\n## ")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    found = [cells[1:] for cells in rows if f"`{loss}`" in cells[0]]
    assert len(found) == 1, f'give "{loss}" one row in the table of losses in docs/spec.md'
    return found[0]


def spelled(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if value else "0"


@pytest.mark.parametrize("name", LOSSES)
def test_the_table_of_losses_says_what_they_are(name: str) -> None:
    keys, mean, targets = row_of_loss(name)
    kind = LOSSES[name]

    for key, field in kind.settings.model_fields.items():
        if key != "type":
            assert f"`{key}`" + ("" if field.default is None else f" {spelled(field.default)}") in keys
    assert mean == MEANS[kind.mean]
    assert loss_of(loss(name)).targets.called in targets
    assert ("log-probabilities" in targets) == loss_of(loss(name)).reading.of_logs
