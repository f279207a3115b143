"""Models that were used lately stay loaded."""

from __future__ import annotations

import numpy as np
import pytest
from fastapi.testclient import TestClient

from lockstep.service import predictors
from lockstep.service.predictors import Predictors
from lockstep.service.store.database import Database
from lockstep.service.store.errors import Refused
from lockstep.service.store.tables import weights
from tests.service.submissions import LINE, succeed


def test_the_model_that_was_not_used_the_longest_makes_room(
    api: TestClient, store: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictors, "MAX_LOADED", 2)
    jobs = []
    for slope in (1.0, 2.0, 3.0):
        api.post("/v1/jobs", json=LINE)
        jobs.append(succeed(store, {"a": np.array(slope), "b": np.array(0.5)}))
    first, second, third = jobs
    models = Predictors(store)
    for job_id in (first, second, first, third):
        models.predict(job_id, None, [1])

    # What is loaded needs the stored weights no more.
    with store.write() as tx:
        tx.execute(weights.delete())

    assert models.predict(first, None, [2]).body == {"y": [2.5]}
    assert models.predict(third, None, [2]).body == {"y": [6.5]}
    with pytest.raises(Refused, match="are gone"):
        models.predict(second, None, [2])
