"""What a job's owner is told when it fails: a code of the contract and a message that is safe to show."""

from lockstep.core.ground.errors import Diverged, DomainError, ExpressionError, InvalidData, SpecError
from lockstep.service.store.damage import damage
from lockstep.service.store.endings import Failure
from lockstep.service.store.errors import Damaged, ReplayMismatch
from lockstep.worker.start import StartGone


def failure_of(error: Exception) -> Failure:
    """The failure that `error` means to the job's owner; what is ours alone stays in the worker's log."""
    match error:
        case Diverged():
            return Failure(code="diverged", message=str(error), param=error.param)
        case DomainError():
            return Failure(code="domain_error", message=str(error), param=error.param)
        case Damaged():
            param = "/data/inline" if error.part == "inline_data" else None
            return Failure(code="invalid_data", message=str(error), param=param)
        case SpecError() | ExpressionError():
            # What was accepted had no such fault.
            return Failure(code="invalid_data", message=damage("spec", error).message)
        case StartGone():
            return Failure(code="invalid_data", message=str(error), param="/start_from")
        case InvalidData():
            return Failure(code="invalid_data", message=str(error), param="/data")
        case MemoryError():
            message = "the worker does not have enough memory; make the job's model, batch or data smaller"
            return Failure(code="out_of_memory", message=message)
        case ReplayMismatch():
            message = f"{error}; the arithmetic of this worker is not to be trusted"
            return Failure(code="internal", message=message)
        case _:
            message = f"unexpected {type(error).__name__}; the worker's log has the details"
            return Failure(code="internal", message=message)
