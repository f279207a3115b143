from __future__ import annotations

from lockstep.core.ground.descriptions import descriptions_of
from lockstep.core.optim.schedules.decay import StepSchedule
from lockstep.core.optim.sgd import Sgd


def test_a_field_is_described_by_the_text_below_it_also_one_of_a_base() -> None:
    texts = descriptions_of(StepSchedule)

    assert texts["gamma"] == "the factor"
    assert texts["per"] == "what t counts, and with it the numbers below: epochs or steps"
    assert texts["warmup_start_factor"] == "f, the part of the rate that the first step is taken at"
    assert "type" not in texts


def test_the_schema_says_it() -> None:
    properties = Sgd.model_json_schema()["properties"]

    assert properties["momentum"]["description"] == "the part of the last step's direction that is kept"
    assert "description" not in properties["type"]


def test_other_people_s_classes_are_left_alone() -> None:
    assert descriptions_of(int) == {}
