"""What a citation points to: original files, rendered pages, pictures.

Only what the served release names is there at all. A file is anybody's, so it is given as a
download, in a sandbox, under no type that a browser runs.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException

from rag_pipelines.chat.live import LiveRelease
from rag_pipelines.chat.painting import Box, Painter
from rag_pipelines.documents.failures import DocumentFailure
from rag_pipelines.storage.blobs import Blobs

_SANDBOX = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, max-age=3600",
}
_PNG = b"\x89PNG\r\n\x1a\n"
_NUMBER = r"-?\d{1,6}(\.\d{1,6})?"
_MOST_PAGES = 100_000

Digest = Annotated[str, Path(description="SHA-256 of a file or picture, as a citation names it.")]
Marked = Annotated[
    str | None,
    Query(
        pattern=rf"^{_NUMBER}(,{_NUMBER}){{3}}$",
        description="Box to mark: left,top,right,bottom in points from the page's top left.",
    ),
]


def file_routes(live: LiveRelease, blobs: Blobs, painter: Painter) -> APIRouter:
    """The routes over what `live` serves, with the bytes in `blobs`."""
    router = APIRouter()

    def documents() -> Mapping[str, str]:
        with live.taken() as served:
            return served.version.retriever.rows.documents

    @router.get("/api/documents/{sha256}", response_class=Response, responses=_is("*/*"))
    def original(sha256: Digest) -> Response:
        """The original file of a cited document."""
        url = _named(documents(), sha256)
        try:
            headers = {"Content-Length": str(blobs.size(sha256)), **_as_download(url), **_SANDBOX}
        except FileNotFoundError:
            raise _missing() from None
        kind = "application/pdf" if url.lower().endswith(".pdf") else "application/octet-stream"
        return StreamingResponse(blobs.pieces(sha256), headers=headers, media_type=kind)

    @router.get(
        "/api/documents/{sha256}/pages/{page}.png",
        response_class=Response,
        responses=_is("image/png"),
    )
    def page(
        sha256: Digest,
        page: Annotated[int, Path(ge=1, le=_MOST_PAGES, description="The page, from 1.")],
        box: Marked = None,
    ) -> Response:
        """A page of a cited PDF as a picture, with a box marked on it."""
        _named(documents(), sha256)
        try:
            png = painter.page(sha256, page, _box(box))
        except DocumentFailure as failure:
            raise HTTPException(404, f"Page {page} cannot be shown: {failure}") from failure
        except FileNotFoundError:
            raise _missing() from None
        return Response(png, headers=_SANDBOX, media_type="image/png")

    @router.get("/api/images/{sha256}", response_class=Response, responses=_is("image/png"))
    def image(sha256: Digest) -> Response:
        """A cited figure as a picture."""
        with live.taken() as served:
            _named(served.version.retriever.rows.images, sha256)
        try:
            png = blobs.get(sha256)
        except FileNotFoundError:
            raise _missing() from None
        if not png.startswith(_PNG):
            raise _missing()
        return Response(png, headers=_SANDBOX, media_type="image/png")

    return router


def _is(kind: str) -> dict[int | str, dict[str, Any]]:
    return {200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}}}}}


def _named(known: Mapping[str, str], digest: str) -> str:
    """The URL of what the served release names so."""
    try:
        return known[digest]
    except KeyError:
        raise HTTPException(404, "The served release names nothing by this digest.") from None


def _missing() -> HTTPException:
    return HTTPException(404, "The store does not hold this any more; run rag ingest.")


def _as_download(url: str) -> dict[str, str]:
    name = unquote(urlsplit(url).path.rpartition("/")[2]) or "document"
    plain = re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip("._") or "document"
    exact = quote(name.encode("utf-8", "replace"), safe="")
    return {"Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{exact}"}


def _box(text: str | None) -> Box | None:
    if text is None:
        return None
    left, top, right, bottom = map(float, text.split(","))
    return left, top, right, bottom
