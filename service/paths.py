"""Where a request leads, below the prefix that a proxy may put before all addresses."""

from starlette.types import ASGIApp, Receive, Scope, Send

V1 = "/v1"
"""Where the API's resources are."""


class Prefixed:
    """Tells all within that addresses begin with `prefix`, whether the proxy takes it off or leaves it on."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if self._prefix and scope["type"] != "lifespan":
            # A path begins with the root's (ASGI): mounted folders count on it.
            path = self._prefix + (route_path({**scope, "root_path": self._prefix}) or "/")
            scope = {**scope, "root_path": self._prefix, "path": path}
        await self._app(scope, receive, send)


def root_of(scope: Scope) -> str:
    """The prefix; that of the application, where the router has put a mounted folder's behind it."""
    return str(scope.get("app_root_path", scope.get("root_path", "")))


def route_path(scope: Scope) -> str:
    """The path without the prefix; empty where it is the prefix alone."""
    path, prefix = str(scope["path"]), root_of(scope)
    return path[len(prefix) :] if f"{path}/".startswith(f"{prefix}/") else path
