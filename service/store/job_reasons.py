"""Why a job is as it is: words for programs, and sentences."""

from lockstep.service.store.job_conditions import MAX_EVICTIONS

LOST = f"Its worker was lost {MAX_EVICTIONS} times before a later checkpoint could be saved."
RESTORED = "The database was restored from a copy; it goes on from the checkpoint in it."
GOES_ON = "Its worker was lost; it goes on from its latest checkpoint."
WOULD_GO_ON = "Its worker was lost; once resumed it goes on from its latest checkpoint."
WAITING_FOR_WORKER = "waiting_for_worker"
DEADLINE_EXCEEDED = "deadline_exceeded"
RAN_OUT = (
    "Workers have worked at it for as long as max_run_seconds allows. Its last checkpoint stays; "
    "raise the limit in a new job."
)
NEVER_BEGUN = (
    "No worker has begun it within max_queue_seconds. Start more workers, or post it again with a longer "
    "limit or a higher priority."
)
