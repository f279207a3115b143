"""Where a request leads, below the prefix that a proxy may put before all addresses."""

from starlette.types import ASGIApp, Receive, Scope, Send


class Prefixed:
    """Tells all within that addresses begin with `prefix`, whether the proxy takes it off or leaves it on."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        await self._app({**scope, "root_path": self._prefix} if self._prefix else scope, receive, send)


def route_path(scope: Scope) -> str:
    """The path without the prefix."""
    path, prefix = str(scope["path"]), str(scope.get("root_path", ""))
    return path[len(prefix) :] if prefix and path.startswith(f"{prefix}/") else path
