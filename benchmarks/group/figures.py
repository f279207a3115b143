"""What has been measured: kept in a file as it comes, so that a run that was cut off goes on where it was."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Figures:
    """Records by key, each a dict of plain values; kept in `path` (JSON, one a line) where it is given."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._records: dict[str, dict[str, Any]] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                record = json.loads(line)
                self._records[record["key"]] = record["figures"]

    def __contains__(self, key: str) -> bool:
        return key in self._records

    def __getitem__(self, key: str) -> Mapping[str, Any]:
        return self._records[key]

    def keys(self, beginning: str) -> list[str]:
        """Those that begin so, in the order in which they came."""
        return [key for key in self._records if key.startswith(beginning)]

    def put(self, key: str, figures: Mapping[str, Any]) -> None:
        """Keep one."""
        self._records[key] = dict(figures)
        if self._path is not None:
            with self._path.open("a") as file:
                file.write(json.dumps({"key": key, "figures": figures}) + "\n")
