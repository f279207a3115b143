"""What a job's checkpoints have to be like is known without its data, and each of its own is like it."""

from collections.abc import Mapping
from typing import Any

import pytest

from lockstep.core.group.solo import SoloGroup
from lockstep.core.learning.checkpoint import BadCheckpoint, Checkpoint
from lockstep.core.run import blank_checkpoint, prepare
from lockstep.core.submission import parse_job, resolve
from tests.core.formulas.searches import PRODUCT, VALLEY
from tests.core.learning.training_jobs import DIGITS, IMAGES
from tests.specs import WHOLE_LINE

PLATEAU = {"schedule": {"type": "reduce_on_plateau", "patience": 1}}
JOBS: Mapping[str, dict[str, Any]] = {
    "layers with buffers": IMAGES,
    "a schedule that remembers": DIGITS | PLATEAU,
    "the best epoch kept": DIGITS | {"stop": {"restore_best": True}},
    "a formula": WHOLE_LINE,
    "lbfgs": WHOLE_LINE | {"optimizer": {"type": "lbfgs"}},
    "minimize": VALLEY | PLATEAU,
    "solve": PRODUCT | {"refresh_gradient": False},
}


@pytest.mark.parametrize("name", JOBS)
def test_each_checkpoint_of_a_job_is_like_its_blank_one(name: str) -> None:
    spec = resolve(parse_job(JOBS[name]), lambda: 0)
    blank = blank_checkpoint(spec)
    run = prepare(spec).start(SoloGroup(), None, None)

    run.checkpoint().require_like(blank)
    run.advance(20)
    Checkpoint.from_bytes(run.checkpoint().to_bytes()).require_like(blank)


@pytest.mark.parametrize("name", JOBS)
def test_none_is_like_that_of_another_job(name: str) -> None:
    mine = blank_checkpoint(resolve(parse_job(JOBS[name]), lambda: 0))

    for other in JOBS.keys() - {name}:
        with pytest.raises(BadCheckpoint, match=r"^expected .*, got "):
            mine.require_like(blank_checkpoint(resolve(parse_job(JOBS[other]), lambda: 0)))
