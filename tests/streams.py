"""How the tests are dealt to streams: modules whole, those that share a service together, long ones first."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from xdist.scheduler import LoadScopeScheduling

SERVICE = (
    "test_page",
    "test_page_inside",
    "test_page_curve",
    "test_page_list",
    "test_page_tabs",
    "test_cli",
    "test_cli_inside",
)
"""The modules of tests/system that share one service; the first begins with an empty one."""


LONG = ("system", "chaos", "test_extending.py", "worker", "service")
"""The folders and modules that last longest; first those with real processes, which also wait a lot."""


def unit(test_id: str) -> str:
    """What the test runs together with, in one stream: the name of a group, or its module's path."""
    path = _module(test_id)
    return "service" if path.parent.name == "system" and path.stem in SERVICE else str(path)


def place(test_id: str) -> tuple[int, int]:
    """Where the test stands in the order; smaller is earlier, and equals stay as they were found.

    What lasts long comes first, so that all streams end at about the same time.
    """
    path = _module(test_id)
    folder = next((number for number, name in enumerate(LONG) if name in path.parts), len(LONG))
    return folder, SERVICE.index(path.stem) if path.stem in SERVICE else len(SERVICE)


def _module(test_id: str) -> PurePosixPath:
    return PurePosixPath(test_id.partition("::")[0])


class Streams(LoadScopeScheduling):  # type: ignore[misc]  # pytest-xdist has no types
    """Deals whole units in the tests' own order, each to the stream that is free first."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Several streams are dealt whole modules, in the order of `place`."""
    config.option.loadscopereorder = False
    return Streams(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: place(item.nodeid))
