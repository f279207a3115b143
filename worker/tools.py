"""What every part of a pool child works with."""

from dataclasses import dataclass

from lockstep.service.bell import Bell
from lockstep.service.settings import Settings
from lockstep.service.store.claims import WorkerIdentity
from lockstep.service.store.database import Database


@dataclass(frozen=True, kw_only=True)
class Tools:
    """The store, the doorbell, the settings, and who this worker is."""

    database: Database
    bell: Bell
    settings: Settings
    worker: WorkerIdentity
