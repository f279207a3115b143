"""What the main process of a worker hands to its pool child."""

from dataclasses import dataclass
from pathlib import Path

from lockstep.service.settings import Settings


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Settings, the worker's name, and where the main process listens for its child's life."""

    settings: Settings
    worker_id: str
    lifeline_path: Path
