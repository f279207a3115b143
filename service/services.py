"""What the handlers of one API process share."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from service.api.body import Budget
from service.api.reader import SubmissionReader
from service.auth import Keyring
from service.bell import Bell
from service.predictors import Predictors
from service.settings import Settings
from service.store.database import Database


@dataclass(frozen=True, kw_only=True)
class Services:
    """Made once when the application is made; nothing in it is a global."""

    settings: Settings
    database: Database
    bell: Bell
    keyring: Keyring
    predictors: Predictors
    bodies: Budget
    reader: SubmissionReader


async def services_of(request: Request) -> Services:
    """The services of the application that handles a request."""
    services: Services = request.app.state.services
    return services


TheServices = Annotated[Services, Depends(services_of)]
