"""The page at /: the files that Vite built, or a word on how to build them."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException
from fastapi.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles

DIST = Path(__file__).parent / "dashboard" / "dist"
NOT_BUILT = """The page is not built. In a checkout of Lockstep, `make install` builds it.

The API works without it: /docs describes it, and the command `lockstep` uses it.
"""


class Assets(StaticFiles):
    """Files whose names change with their contents, so that a browser need never ask again."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The file, to be kept for a year."""
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response

    async def check_config(self) -> None:
        """Nothing: the folder may come while the service runs, and until then it has no file (404)."""


def install(app: FastAPI, dist: Path = DIST, root_path: str = "") -> None:
    """Serve the files in `dist`, as they are now, at / and beside it.

    The page names its files by where it lies itself, and so works below any path of a proxy's. Where that
    path is told, it names them by it, and works without a slash at the end of its address too.
    """
    index, icon_path = dist / "index.html", dist / "favicon.svg"

    async def page() -> Response:
        # Looked for at each request: the page may be built while the service runs.
        if index.is_file():
            text = index.read_text(encoding="utf-8").replace('"./', f'"{root_path or "."}/')
            return HTMLResponse(text, headers={"Cache-Control": "no-cache"})
        return PlainTextResponse(NOT_BUILT, 404)

    async def icon() -> Response:
        if icon_path.is_file():
            return FileResponse(icon_path, headers={"Cache-Control": "max-age=3600"})
        raise HTTPException(404)

    app.add_api_route("/", page, include_in_schema=False, response_class=Response)
    # The second is where browsers look for it on pages that name none.
    for path in ("/favicon.svg", "/favicon.ico"):
        app.add_api_route(path, icon, include_in_schema=False, response_class=Response)
    app.mount("/assets", Assets(directory=dist / "assets", check_dir=False))
