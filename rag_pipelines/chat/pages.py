"""The page that people ask on, and the interface written out.

Knows the files beside it and OpenAPI's shape. Loads nothing from elsewhere: the policy in `guard`
would not let it, and the machine may have no network.
"""

from collections.abc import Iterator
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from rag_pipelines.chat.guard import POLICY

router = APIRouter(include_in_schema=False)

_KINDS = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml", "html": "text/html"}
_MODULES = (
    *("api", "ask", "citations", "dom", "feedback", "login", "prose"),
    *("release", "sessions", "stream", "turn"),
)
STATIC = ("/", "/style.css", "/icon.svg", "/thumb.svg", *(f"/{name}.js" for name in _MODULES))
"""What a browser needs to log in: files that tell nothing of what is served."""

_POLICY = f"{POLICY}; require-trusted-types-for 'script'; trusted-types tables"


def _file(name: str) -> str:
    return (files("rag_pipelines.chat") / "web" / name).read_text(encoding="utf-8")


def static(request: Request) -> Response:
    """A file of the page: asked for again each time, sent again only where it changed."""
    name = request.url.path.lstrip("/") or "index.html"
    content = _file(name)
    tag = f'"{sha256(content.encode()).hexdigest()[:32]}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=_KINDS[name.rpartition(".")[2]])


for _path in STATIC:
    router.add_api_route(_path, static, methods=["GET"])


@router.get("/docs")
def docs(request: Request) -> HTMLResponse:
    calls = "\n".join(_calls(request.app.openapi()))
    return HTMLResponse(_file("docs.html").replace("<!-- calls -->", calls))


def _calls(schema: dict[str, Any]) -> Iterator[str]:
    models = schema["components"]["schemas"]
    for path, methods in schema["paths"].items():
        for method, call in methods.items():
            rows = [*_parameters(call), *_body(call, models)]
            table = f"<table>{''.join(rows)}</table>" if rows else ""
            yield (
                f"<section><h2><code>{method.upper()} {escape(path)}</code></h2>"
                f"<p>{escape(call.get('description', ''))}</p>{table}</section>"
            )


def _parameters(call: dict[str, Any]) -> Iterator[str]:
    for parameter in call.get("parameters", ()):
        yield _row(parameter["name"], parameter["schema"], parameter["required"])


def _body(call: dict[str, Any], models: dict[str, Any]) -> Iterator[str]:
    content = call.get("requestBody", {}).get("content", {})
    for kind in content.values():
        model = models[kind["schema"]["$ref"].rpartition("/")[2]]
        for name, field in model["properties"].items():
            yield _row(name, field, name in model.get("required", ()))


def _row(name: str, field: dict[str, Any], required: bool) -> str:
    kinds = field.get("anyOf", [field])
    written = " or ".join(k.get("type") or k.get("$ref", "").rpartition("/")[2] for k in kinds)
    need = "required" if required else "optional"
    about = escape(field.get("description", ""))
    return f"<tr><td><code>{escape(name)}</code><td>{escape(written)}<td>{need}<td>{about}"
