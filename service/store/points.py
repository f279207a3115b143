"""The points around and inside the store's transactions, where tests let a process die or a database fail."""

from lockstep.core.ground.failpoints import Failpoint

# Around each transaction that writes. On SQLite it holds the only write lock once it has begun.
BEGINS = Failpoint("store: a transaction is to begin")
BEGUN = Failpoint("store: a transaction has begun")
COMMITS = Failpoint("store: a transaction is to be committed")
COMMITTED = Failpoint("store: a transaction is committed, and nobody has heard of it")

# Between two statements of what belongs together.
LOCKED = Failpoint("store: the holder's row is locked")
TAKEN = Failpoint("store: a job is taken, and its attempt is not noted")
EVICTED = Failpoint("store: a job is taken from its holder, and the attempt not closed")
CHANGED = Failpoint("store: a holder has written a status, and nobody is told")
ASKED = Failpoint("store: a user has written a status, and nobody is told")
BEGAN_AGAIN = Failpoint("store: a job begins again, and what it computed is still there")
CHUNK_OUT = Failpoint("store: a chunk of history is out, and its points not yet back in")
CHECKPOINT_NAMED = Failpoint("store: a checkpoint is named, and has no bytes yet")
CHECKPOINT_KEPT = Failpoint("store: a checkpoint has its bytes, and the job still names the one before")
WEIGHTS_KEPT = Failpoint("store: weights are kept, and no job names them")
PART_KEPT = Failpoint("store: a part of a blob is kept")
KEY_RESERVED = Failpoint("store: an idempotency key is reserved, and has no job yet")
CREATED = Failpoint("store: a job is made, and its event is not")
QUESTION_TAKEN = Failpoint("store: a question is taken, and its worker has not heard of it")
ANSWER_KEPT = Failpoint("store: an answer is kept, and its question is still open")
