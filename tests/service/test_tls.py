"""rediss:// talks only to a broker whose certificate is vouched for, as who rings and as who listens."""

from __future__ import annotations

from pathlib import Path

import pytest
from celery import Celery

from lockstep.service.bell import celery_settings
from tests.service.tls import tls_server

# (the certificate's name, what the address says besides, whether the broker is talked to)
CASES = {
    "unknown authority": ("localhost", "", False),
    "known authority": ("localhost", "?ssl_ca_certs={authority}", True),
    "another's certificate": ("elsewhere.example", "?ssl_ca_certs={authority}", False),
    "asked for": ("localhost", "?ssl_cert_reqs=none", True),
    "required in so many words": ("localhost", "?ssl_cert_reqs=required", False),
}


@pytest.mark.parametrize("case", CASES)
def test_a_certificate_is_looked_at(tmp_path: Path, case: str) -> None:
    name, query, talks = CASES[case]
    with tls_server(tmp_path, name) as server:
        url = f"rediss://localhost:{server.port}/0" + query.format(authority=server.authority)
        app = Celery("t", set_as_current=False, config_source=celery_settings(url))
        with pytest.raises(Exception) as refusal, app.connection_for_write() as connection:  # noqa: PT011
            # The server speaks no Redis, so this ends badly either way: what counts is how far it came.
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)

    assert bool(server.greeted) == talks, refusal.value
    assert ("CERTIFICATE_VERIFY_FAILED" in str(refusal.value)) != talks


def test_plain_addresses_have_no_tls() -> None:
    assert celery_settings("redis://127.0.0.1:6379/0")["broker_use_ssl"] is None
