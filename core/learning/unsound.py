"""Why a step is not sound, in words that say what to do."""

from lockstep.core.engine.diagnose import BadNode
from lockstep.core.ground.errors import Diverged, DomainError
from lockstep.core.spec import ResolvedSpec


def failure_of(spec: ResolvedSpec, step: int, loss: float, bad: BadNode | None) -> Diverged | DomainError:
    """What a training that can't go on ends with; `bad` is the first node without finite numbers."""
    if bad is not None and bad.outside_domain:
        return DomainError(f"step {step}: {bad.description}")
    cause = f" ({bad.description})" if bad is not None else ""
    remedies = ["lower optimizer.learning_rate"]
    if not spec.data.standardize:
        remedies.append("set data.standardize to true")
    if spec.dtype == "float32":
        remedies.append('set dtype to "float64"')
    what = f"expected a finite loss, got {loss:g} at step {step}{cause}"
    return Diverged(f"{what}: {', or '.join(remedies)}")
