"""Who asks, and what they may: bearer keys with scopes.

Only a key's SHA-256 is stored and compared: keys are long and random, so a slow hash would protect nothing
and cost every request.
"""

import hmac
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.exc import SQLAlchemyError

from lockstep.service.errors import ApiProblem
from lockstep.service.store import keys
from lockstep.service.store.database import Database
from lockstep.service.store.keys import ApiKey
from lockstep.service.store.scopes import Scope

REMEMBERED_SECONDS = 2.0
"""How long a key that was found is not looked up again; so long may a revoked one still work."""
MAX_REMEMBERED = 1000

bearer = HTTPBearer(auto_error=False, description="An API key, as `Authorization: Bearer KEY`.")


class Keyring:
    """Finds API keys in the database, and keeps the administrator's key of the settings there."""

    def __init__(self, database: Database, admin_key: str | None) -> None:
        self._database = database
        self._admin_key = admin_key
        self._ensured = admin_key is None
        self._lock = threading.Lock()
        self._remembered: dict[str, tuple[ApiKey, float]] = {}

    def remembered(self, secret: str) -> ApiKey | None:
        """A key that was found lately."""
        found = self._remembered.get(secret)
        return found[0] if found is not None and found[1] > time.monotonic() else None

    def last_known(self, secret: str) -> ApiKey | None:
        """A key that was found at some time, or is the settings': for while the database does not answer."""
        found = self._remembered.get(secret)
        if found is not None:
            return found[0]
        if self._admin_key is not None and hmac.compare_digest(secret.encode(), self._admin_key.encode()):
            return keys.admin_key()
        return None

    def find(self, secret: str) -> ApiKey | None:
        """The key in the database, or None where it is unknown or revoked."""
        self._ensure_admin()
        with self._database.read() as tx:
            found = keys.find(tx, secret)
        if found is not None:
            with self._lock:
                if len(self._remembered) >= MAX_REMEMBERED:
                    self._remembered.clear()
                self._remembered[secret] = (found, time.monotonic() + REMEMBERED_SECONDS)
        return found

    def _ensure_admin(self) -> None:
        # Not at start-up: the API answers /readyz before its database is there.
        if not self._ensured and self._admin_key is not None:
            with self._database.write() as tx:
                keys.ensure_admin(tx, self._admin_key)
            self._ensured = True


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> ApiKey:
    """A dependency that gives the request's key, whatever its scopes; else 401."""
    if credentials is None:
        raise _unauthorized("This needs a key: send the header Authorization: Bearer KEY.")
    keyring: Keyring = request.app.state.services.keyring
    secret = credentials.credentials
    key = keyring.remembered(secret) or await run_in_threadpool(keyring.find, secret)
    if key is None:
        raise _unauthorized("The key is unknown or was revoked.")
    return key


def needs(scope: Scope) -> Callable[[ApiKey], Coroutine[Any, Any, ApiKey]]:
    """A dependency that lets only keys with `scope` pass; an administrator's key has all scopes."""

    async def permitted(key: Annotated[ApiKey, Depends(authenticated)]) -> ApiKey:
        _require(key, scope)
        return key

    return permitted


async def monitoring(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> ApiKey:
    """A dependency that lets keys with the scope `metrics` pass, known ones without the database too."""
    try:
        key = await authenticated(request, credentials)
    except SQLAlchemyError:
        keyring: Keyring = request.app.state.services.keyring
        known = None if credentials is None else keyring.last_known(credentials.credentials)
        if known is None:
            raise
        key = known
    _require(key, "metrics")
    return key


def _require(key: ApiKey, scope: Scope) -> None:
    if scope not in key.scopes and "admin" not in key.scopes:
        has = " ".join(sorted(key.scopes))
        raise ApiProblem(403, f"This needs a key with the scope {scope!r}; this key has {has!r}.")


def _unauthorized(detail: str) -> ApiProblem:
    return ApiProblem(401, detail, headers={"WWW-Authenticate": "Bearer"})


Reader = Annotated[ApiKey, Depends(needs("read"))]
Monitor = Annotated[ApiKey, Depends(monitoring)]
Writer = Annotated[ApiKey, Depends(needs("write"))]
