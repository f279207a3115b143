"""Pages of other origins, where the settings let them in."""

from fastapi import Request
from fastapi.middleware.cors import CORSMiddleware
from starlette.datastructures import MutableHeaders
from starlette.types import Message, Receive, Scope, Send

from lockstep.service.errors import allowed_at

ALLOW_METHODS = "Access-Control-Allow-Methods"


class Origins(CORSMiddleware):
    """Offers a page of another origin the methods that the address has, where Starlette's offers all."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""

        async def send_own_methods(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if ALLOW_METHODS in headers:
                    headers[ALLOW_METHODS] = allowed_at(Request(scope))
            await send(message)

        await super().__call__(scope, receive, send_own_methods)
