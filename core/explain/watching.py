"""Who looks for findings in what a run reports."""

from typing import Protocol

from lockstep.core.explain.findings import Finding, Series, Watcher
from lockstep.core.explain.search_findings import SearchWatcher
from lockstep.core.formulas.search import Search
from lockstep.core.run import Run


class Watching(Protocol):
    """Gathers series as they come, in bounded memory, and tells each finding once."""

    def add(self, series: Series) -> None:
        """Take in what some steps have brought."""

    def new(self) -> list[Finding]:
        """The findings that were not told before."""


def watcher_of(run: Run) -> Watching:
    """A watcher for what `run` reports from now on."""
    return SearchWatcher(run.spec) if isinstance(run, Search) else Watcher(run.steps)
