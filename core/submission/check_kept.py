"""Whether a spec's rules about checkpoints can be followed."""

from collections.abc import Iterator

from lockstep.core.ground.errors import Problem
from lockstep.core.spec.kept import MAX_KEPT, CheckpointRules


def check_kept(rules: CheckpointRules | None, steps: int, *, validates: bool) -> Iterator[Problem]:
    """All problems of the rules of a job of at most `steps` steps; `validates`: it has a validation part."""
    if rules is None:
        return
    if rules.keep_best and not validates:
        yield Problem(
            pointer="/checkpoints/keep_best",
            code="no_validation_part",
            message="expected a part of the data to validate by with keep_best, because the best state is "
            "that of the lowest validation loss, got none; set data.validation_fraction, or take it out",
        )
    if rules.every_steps is not None and steps // rules.every_steps > MAX_KEPT:
        least = -(-steps // MAX_KEPT)
        yield Problem(
            pointer="/checkpoints/every_steps",
            code="too_many_checkpoints",
            message=f"expected at most {MAX_KEPT} checkpoints in all, got {steps // rules.every_steps} "
            f"({steps} steps, one each {rules.every_steps}); raise every_steps to {least} or more",
        )
