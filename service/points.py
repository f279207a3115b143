"""The points between what the service has committed and what it then tells others."""

from lockstep.core.ground.failpoints import Failpoint

QUEUED = Failpoint("service: a job is queued, and nobody is rung for")
DECIDED = Failpoint("service: a user's act is done, and not answered")
TICKED = Failpoint("service: the reconciler has written, and nobody is rung for")
