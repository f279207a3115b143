"""The points of an attempt between its transactions."""

from lockstep.core.ground.failpoints import Failpoint

STARTED = Failpoint("worker: an attempt has its claim, and has read nothing")
RESUMED = Failpoint("worker: an attempt has its state, and has taken no step")
REPORTED = Failpoint("worker: a report is written, and its reporter does not know")
FINISHED = Failpoint("worker: a run is finished, and its result not written")
GIVEN_BACK = Failpoint("worker: a claim is given back, and nobody is rung for")
ANSWERED = Failpoint("worker: a question is worked out, and its answer not written")
