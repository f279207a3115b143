"""The jobs in examples/, which come with Lockstep: for the demo and for the API's description."""

import json
from pathlib import Path
from typing import Any

import lockstep

_FOLDER = Path(lockstep.__file__).parent / "examples"


def example(name: str) -> dict[str, Any]:
    """The spec in examples/NAME.json."""
    spec: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return spec
