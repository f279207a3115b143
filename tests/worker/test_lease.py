"""A lease whose claim was taken from it."""

import pytest

from lockstep.service.store.errors import Fenced
from tests.local_service import wait_until
from tests.worker.bench import MOONS, Bench


def test_a_renewal_that_comes_too_late_is_refused_and_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.submit(MOONS)
    lease = bench.claim(settings=bench.settings.model_copy(update={"renew_seconds": 0.05}))

    with lease:
        bench.evict()
        wait_until(lambda: lease.lost, 10)

    assert "action=renewal_refused job=" in caplog.text
    with pytest.raises(Fenced):
        lease.write(lambda fence: fence.status)
