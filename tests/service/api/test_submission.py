"""A posted job is looked at once, however many checks there are."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lockstep.core.data.sources import targets_of
from lockstep.core.submission import parse_spec
from lockstep.core.submission.facts import Facts
from lockstep.service.api.submission import Asked, Submission, read_submission
from tests.effort import calls_by_name

ONCE = (
    "lockstep.core.data.shapes:shape_of",
    "lockstep.core.data.split:part_sizes",
    "lockstep.core.data.sources:targets_of",
    "lockstep.core.model.build:assemble",
    "lockstep.core.submission.facts:Facts.of",
    "lockstep.service.api.wire:parse_json",
)
LAYERS: dict[str, Any] = {
    "model": {
        "layers": [
            {"type": "linear", "in": 2, "out": 4},
            {"type": "batch_norm_1d", "num_features": 4},
            {"type": "linear", "in": 4, "out": 3},
        ]
    },
    "data": {
        "inline": {"x": [[0, 1], [2, 3], [4, 5], [6, 7]] * 16, "y": [0, 1, 2, 1] * 16},
        "test_fraction": 0.25,
    },
    "loss": "cross_entropy",
    "optimizer": {"type": "adam"},
    "batch_size": 20,
    "workers": 2,
    "shards": 2,
    "start_from": "job_1",
}


ASKED = Asked(owner_id="o", key_id="k", max_job_bytes=10**9)


@pytest.mark.parametrize("asked", [ASKED, replace(ASKED, validate_only=True), replace(ASKED, has_key=True)])
def test_what_follows_from_data_and_model_is_worked_out_once(asked: Asked) -> None:
    body = json.dumps(LAYERS).encode()
    found: list[object] = []

    def read() -> None:
        found.append(read_submission(body, asked))

    counts = calls_by_name(read)

    assert isinstance(found[0], Submission), found
    assert {name: counts[name] for name in ONCE} == dict.fromkeys(ONCE, 1)


def test_facts_are_those_of_the_spec() -> None:
    facts = Facts.of(parse_spec(LAYERS))

    assert (facts.shape.rows, facts.parts.train, facts.parts.test) == (64, 48, 16)
    assert facts.inputs is not None
    assert facts.inputs.shape == (64, 2)
    np.testing.assert_array_equal(facts.targets, targets_of(facts.data))
    assert facts.graph is facts.graph
    assert facts.graph.output_shape == (3,)
