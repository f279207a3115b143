"""Small bodies, read as values."""

from collections.abc import Iterable
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from lockstep.core.ground.errors import Problem
from lockstep.core.submission import problems_of
from lockstep.service.errors import ApiProblem
from lockstep.service.problems import problem_entry

M = TypeVar("M", bound=BaseModel)


def read_request(model: type[M], body: object) -> M:
    """The body as a value of the model; raises ApiProblem (422) with all that is wrong with it."""
    try:
        return model.model_validate(body)
    except ValidationError as error:
        refuse_all(problems_of(error, model))
        raise


def refuse_all(found: Iterable[Problem]) -> None:
    """Raise ApiProblem (422) where there are problems."""
    entries = [problem_entry(each.pointer, each.code, each.message) for each in found]
    if entries:
        raise ApiProblem(422, "; ".join(entry["message"] for entry in entries[:3]), errors=entries)
