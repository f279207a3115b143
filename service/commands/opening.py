"""`lockstep open`: the page, in the browser."""

from __future__ import annotations

import os
import sys
import urllib.parse
import webbrowser

import typer

from lockstep.service.commands.access import (
    Access,
    DataDirOption,
    JsonOption,
    OptionalJobIdArgument,
    connected,
    echo_json,
    find_access,
)


def open_page(
    job_id: OptionalJobIdArgument = None,
    as_json: JsonOption = False,
    data_dir: DataDirOption = None,
) -> None:
    """Open the page in the browser, and print its address, which carries the key: keep it to yourself."""
    access = find_access(data_dir)
    with connected(data_dir) as client:
        if job_id is None:
            client.queue()
        else:
            job_id = client.job(job_id)["id"]
    url = page_address(access, job_id)
    is_opened = _has_browser() and webbrowser.open(url)
    if as_json:
        echo_json({"url": url, "opened": is_opened})
        return
    typer.echo(url)
    if not is_opened:
        typer.echo("there is no browser here: open this address in one that reaches the service", err=True)


def page_address(access: Access, job_id: str | None) -> str:
    """Where the page shows a job. The key is in the fragment, which a browser sends to nobody."""
    path = "/" if job_id is None else f"/jobs/{urllib.parse.quote(job_id, safe='')}"
    key = "" if access.api_key is None else f"?key={urllib.parse.quote(access.api_key, safe='')}"
    return f"{access.url.rstrip('/')}/#{path}{key}"


def _has_browser() -> bool:
    """Whether there is a browser with windows; a text browser would take over the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))
