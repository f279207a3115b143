"""The kinds of jobs, and the spec of each."""

from collections.abc import Mapping
from types import MappingProxyType

from lockstep.core.spec.job import ResolvedSpec, TrainSpec
from lockstep.core.spec.minimize import MinimizeSpec
from lockstep.core.spec.solve import SolveSpec

AnySpec = TrainSpec | MinimizeSpec | SolveSpec
"""What a user can submit."""
AnyResolvedSpec = ResolvedSpec | MinimizeSpec | SolveSpec
"""The same with nothing left open: what is stored, and what workers run."""

SPECS: Mapping[str, type[AnySpec]] = MappingProxyType(
    {"train": TrainSpec, "minimize": MinimizeSpec, "solve": SolveSpec}
)
"""By kind."""


def read_resolved(kind: str, text: str) -> AnyResolvedSpec:
    """The spec of a stored job of this kind, from its JSON."""
    match kind:
        case "minimize":
            return MinimizeSpec.model_validate_json(text)
        case "solve":
            return SolveSpec.model_validate_json(text)
    return ResolvedSpec.model_validate_json(text)
