"""What the handlers of one API process share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from lockstep.service.api.body import Room
from lockstep.service.api.reader import SubmissionReader
from lockstep.service.auth import Keyring
from lockstep.service.bell import Bell
from lockstep.service.http_counts import HttpCounts
from lockstep.service.predictors import Predictors
from lockstep.service.settings import Settings
from lockstep.service.store.database import Database


@dataclass(frozen=True, kw_only=True)
class Services:
    """Made once when the application is made; nothing in it is a global."""

    settings: Settings
    database: Database
    bell: Bell
    keyring: Keyring
    predictors: Predictors
    bodies: Room
    reader: SubmissionReader
    http_counts: HttpCounts
    broker_is_up: Callable[[], bool]


async def services_of(request: Request) -> Services:
    """The services of the application that handles a request."""
    services: Services = request.app.state.services
    return services


TheServices = Annotated[Services, Depends(services_of)]
