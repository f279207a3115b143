"""Whether the data has the whole numbers that an embedding looks up."""

from collections.abc import Iterator

from lockstep.core.data.spec import GeneratedData
from lockstep.core.data.tokens import vocabulary, wrong_tokens
from lockstep.core.ground.errors import Problem
from lockstep.core.model.graph import Graph
from lockstep.core.spec.job import TrainSpec
from lockstep.core.submission.check_targets import first_bad
from lockstep.core.submission.facts import Facts


def check_tokens(spec: TrainSpec, facts: Facts, graph: Graph) -> Iterator[Problem]:
    """All problems of the inputs with embeddings; built-in data is looked at when it is loaded."""
    count = vocabulary(graph)
    if count is None:
        return
    wanted = f"expected whole numbers from 0 to {count - 1} for the embedding, got"
    if spec.data.standardize:
        yield Problem(
            pointer="/data/standardize",
            code="needs_whole_numbers",
            message=f"{wanted} inputs that standardize makes fractions of; set it to false",
        )
    if isinstance(spec.data, GeneratedData):
        yield Problem(
            pointer="/data/generator",
            code="needs_whole_numbers",
            message=f"{wanted} the positions that {spec.data.generator} makes; give inline data",
        )
    if facts.inputs is not None:
        words = ("not_a_token", f"{wanted} {{}}; number the inputs from 0, or raise num_embeddings")
        yield from first_bad("x", facts.inputs, wrong_tokens(facts.inputs, count), words)
