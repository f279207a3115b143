"""What every part of a pool child works with."""

from dataclasses import dataclass, field

from lockstep.service.bell import Bell
from lockstep.service.settings import Settings
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database
from lockstep.worker.pulse import Pulse


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The store, the doorbell, the settings, who this worker is, and the pulse of the thread that trains."""

    database: Database
    bell: Bell
    settings: Settings
    worker: WorkerIdentity
    pulse: Pulse = field(default_factory=Pulse)
