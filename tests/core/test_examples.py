"""The examples that come with Lockstep."""

import json
from pathlib import Path

import pytest

from lockstep.core.group.solo import SoloGroup
from lockstep.core.run import prepare
from lockstep.core.submission import parse_job, resolve
from tests.specs import WHOLE_LINE

EXAMPLES = sorted(Path(__file__).parents[2].glob("examples/*.json"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_takes_its_first_step(path: Path) -> None:
    spec = resolve(parse_job(json.loads(path.read_text(encoding="utf-8"))), lambda: 0)

    report = prepare(spec).start(SoloGroup(), None, None).advance(1)

    assert (report.step, report.failure) == (1, None)
    assert spec.name


def test_the_tests_line_is_that_of_the_examples() -> None:
    """Beside the name it has, and what the tests compute of it holds for the example."""
    (path,) = (path for path in EXAMPLES if path.stem == "line")

    assert json.loads(path.read_text(encoding="utf-8")) == WHOLE_LINE | {"name": "line"}
