"""/docs: a page about the API, made here from /openapi.json, without scripts or anything from elsewhere."""

import json
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from lockstep.service.problems import MEANINGS, PAGE

router = APIRouter(include_in_schema=False)

JsonObject = Mapping[str, Any]
"""A part of the OpenAPI document."""

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem; }
summary { cursor: pointer; padding: .4rem 0; }
code, pre { font: 14px/1.45 ui-monospace, monospace; }
pre { overflow: auto; padding: .75rem; border: 1px solid #8886; border-radius: 6px; max-height: 30rem; }
table { border-collapse: collapse; }
td, th { text-align: left; vertical-align: top; padding: .25rem 1rem .25rem 0; }
details { border-bottom: 1px solid #8884; }
"""


@router.get("/docs.css")
async def style() -> Response:
    """The style of /docs; a page with a strict security policy may hold none itself."""
    return Response(STYLE, media_type="text/css", headers={"Cache-Control": "max-age=3600"})


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Every operation with its parameters, body and answers, and every schema."""
    return HTMLResponse("\n".join(_page(request.app.openapi())))


@router.get(PAGE)
async def problems() -> HTMLResponse:
    """What the codes of problems mean."""
    return HTMLResponse("\n".join(_problems()))


def _problems() -> Iterator[str]:
    yield from _head("Lockstep problems", "../")
    yield "<h1>Problems</h1><p>An answer that is not a success is <code>application/problem+json</code> "
    yield "(RFC 9457). Its <code>code</code> is one of these; <code>errors</code> says more.</p><dl>"
    for code, meaning in sorted(MEANINGS.items()):
        yield f'<dt id="{code}"><code>{code}</code></dt><dd>{escape(meaning)}</dd>'
    yield "</dl></body></html>"


def _head(title: str, to_root: str = "") -> Iterator[str]:
    """The page's beginning; `to_root` leads from its folder to that of /docs, behind any prefix."""
    yield f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<link rel="icon" type="image/svg+xml" href="{to_root}favicon.svg">'
    yield f'<link rel="stylesheet" href="{to_root}docs.css"></head><body>'


def _page(document: JsonObject) -> Iterator[str]:
    info = document["info"]
    yield from _head("Lockstep API")
    yield f"<h1>{escape(info['title'])} API {escape(info['version'])}</h1>"
    yield f"<p>{escape(info['description'])}</p>"
    yield "<p>All of <code>/v1</code> needs the header <code>Authorization: Bearer KEY</code>. "
    yield "Errors are <code>application/problem+json</code>; "
    yield '<a href="docs/problems">what their codes mean</a>. '
    yield 'For programs: <a href="openapi.json">openapi.json</a>.</p>'
    yield "<h2>Operations</h2>"
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield from _operation(method, path, operation)
    yield "<h2>Schemas</h2>"
    for name, schema in sorted(document["components"]["schemas"].items()):
        yield f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>'
        yield f"{_json(schema)}</details>"
    yield "</body></html>"


def _operation(method: str, path: str, operation: JsonObject) -> Iterator[str]:
    head = f"<code><b>{method.upper()}</b> {escape(path)}</code> {escape(operation.get('summary', ''))}"
    yield f"<details><summary>{head}</summary><p>{escape(operation.get('description', ''))}</p>"
    parameters = operation.get("parameters", [])
    if parameters:
        yield "<table><tr><th>Parameter</th><th>In</th><th>Meaning</th></tr>"
        for each in parameters:
            meaning = each.get("description") or each["schema"].get("description", "")
            name = f"{each['name']}{' (required)' if each.get('required') else ''}"
            yield f"<tr><td><code>{escape(name)}</code></td><td>{each['in']}</td>"
            yield f"<td>{escape(meaning)}</td></tr>"
        yield "</table>"
    if "requestBody" in operation:
        yield f"<p>Body: {_content(operation['requestBody'])}</p>"
    yield "<table><tr><th>Answer</th><th>Meaning</th><th>Schema</th></tr>"
    for status, answer in operation["responses"].items():
        yield f"<tr><td>{status}</td><td>{escape(answer['description'])}</td><td>{_content(answer)}</td></tr>"
    yield "</table></details>"


def _content(part: JsonObject) -> str:
    """Links to the schemas of a body, else its media types."""
    shown = []
    for media_type, content in part.get("content", {}).items():
        name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
        shown.append(
            f'<a href="#{escape(name)}">{escape(name)}</a>' if name else f"<code>{escape(media_type)}</code>"
        )
    return " or ".join(dict.fromkeys(shown))


def _json(schema: JsonObject) -> str:
    return f"<pre>{escape(json.dumps(schema, indent=2, ensure_ascii=False))}</pre>"
