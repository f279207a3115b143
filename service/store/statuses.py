"""The statuses of a job and the ways between them.

| from       | to         | who                                        | where                      |
|------------|------------|--------------------------------------------|----------------------------|
| (none)     | queued     | POST                                       | jobs.create                |
| queued     | running    | a worker claims it                         | leases.claim_next          |
| queued     | cancelled  | the user                                   | endings.request_cancel     |
| running    | cancelling | the user                                   | endings.request_cancel     |
| running    | succeeded  | the holder of the claim                    | endings.succeed            |
| running    | failed     | the holder                                 | endings.fail               |
| running    | queued     | the holder drains; attempt + 1             | endings.release            |
| running    | queued     | lease over or process dead; attempt + 1    | evictions                  |
| running    | failed     | the same, for the third time in vain       | evictions                  |
| queued     | queued     | an older arithmetic began it: it begins again | outdated                |
| cancelling | cancelled  | the holder, or eviction, or drain          | endings, evictions         |

succeeded, failed and cancelled never change. Each way is one UPDATE with the source status in its WHERE.
"""

from typing import Literal, get_args

Status = Literal["queued", "running", "cancelling", "succeeded", "failed", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)

LIVE: tuple[Status, ...] = ("running", "cancelling")
"""A worker holds a claim on the job."""
TERMINAL: tuple[Status, ...] = ("succeeded", "failed", "cancelled")
"""The job is over for good."""
