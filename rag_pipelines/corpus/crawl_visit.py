"""One URL visited: the request, its retries, and the verdict on the answer.

Knows answers and what they mean for a page. Does not know which URL comes next, or how bytes
travel.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from hashlib import sha256

from rag_pipelines.corpus.crawl_frames import Body, Known, Visit
from rag_pipelines.corpus.crawl_frontier import Arrival, Candidate
from rag_pipelines.corpus.crawl_links import PageLinks, read_links
from rag_pipelines.corpus.crawl_pacing import OutOfTime
from rag_pipelines.corpus.crawl_requests import Requests
from rag_pipelines.corpus.urls import canonical
from rag_pipelines.errors import BlockedAddress, FetchError, TooLarge
from rag_pipelines.records import Outcome
from rag_pipelines.storage.blobs import Blobs
from rag_pipelines.storage.fetch import Response

HTML = frozenset({"text/html", "application/xhtml+xml"})
TEXT = frozenset({"text/plain", "text/markdown", "text/x-markdown"})
PDF = "application/pdf"
ACCEPT = "text/html,application/xhtml+xml,application/pdf,text/plain,text/markdown,*/*;q=0.1"

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_GONE = frozenset({404, 410})
_WEAK = timedelta(seconds=60)


@dataclass(frozen=True)
class Visitor:
    """Visits URLs. `store` is handed the body of every page and document as it comes."""

    requests: Requests
    known: Mapping[str, Known]
    blobs: Blobs
    store: Callable[[Body, bytes], None]

    async def visit(self, candidate: Candidate) -> Arrival:
        """Visit a URL; every failure is a verdict, never an exception."""
        known = self.known.get(candidate.url)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        blank = Visit(
            candidate.url,
            Outcome.FAILED,
            depth=candidate.depth,
            found_on=candidate.found_on,
            fetched_at=now,
        )
        try:
            answer = await self.requests.answer(candidate.url, _conditions(known))
        except (FetchError, OutOfTime) as error:
            return Arrival(
                candidate, _without_answer(blank, error), self._old_links(candidate, known)
            )
        return self._judged(candidate, answer, known, blank)

    def _old_links(self, candidate: Candidate, known: Known | None) -> PageLinks | None:
        """Where a page led when it could last be had, so that a failing hub loses no pages."""
        if known is None or known.content_type not in HTML:
            return None
        return self._links(candidate.url, self._kept_body(known), known.content_type, known.charset)

    def _kept_body(self, known: Known) -> bytes:
        try:
            return self.blobs.get(known.snapshot)
        except OSError:
            return b""  # lost; it costs the page's links

    def _judged(
        self, candidate: Candidate, answer: Response, known: Known | None, blank: Visit
    ) -> Arrival:
        visit = replace(blank, status=answer.status, size=len(answer.body))
        if answer.status == 304 and known is not None:
            return self._unchanged(candidate, known, visit)
        if answer.status in _REDIRECTS and (location := answer.headers.get("location")):
            return _elsewhere(candidate, canonical(location, candidate.url), visit, "redirect")
        if answer.status in _GONE:
            return Arrival(
                candidate,
                replace(visit, outcome=Outcome.GONE, reason="status", detail=str(answer.status)),
            )
        if not 200 <= answer.status < 300:
            failed = replace(visit, reason="status", detail=str(answer.status), transient=True)
            return Arrival(candidate, failed, self._old_links(candidate, known))
        return self._content(candidate, answer, known, _validated(visit, answer))

    def _unchanged(self, candidate: Candidate, known: Known, visit: Visit) -> Arrival:
        links = self._links(
            candidate.url, self._kept_body(known), known.content_type, known.charset
        )
        kept = replace(
            visit,
            outcome=Outcome.NOT_MODIFIED,
            content_type=known.content_type,
            charset=known.charset,
            etag=visit.etag or known.etag,
            last_modified=visit.last_modified or known.last_modified,
            snapshot=known.snapshot,
            text=links.text if links else "",
        )
        return Arrival(candidate, kept, links)

    def _content(
        self, candidate: Candidate, answer: Response, known: Known | None, visit: Visit
    ) -> Arrival:
        kind = _media_type(answer)
        if kind not in HTML | TEXT | {PDF}:
            return Arrival(
                candidate, replace(visit, outcome=Outcome.REFUSED, reason="type", detail=kind)
            )
        digest = sha256(answer.body).hexdigest()
        charset = answer.charset or ""
        visit = replace(
            visit, outcome=Outcome.FETCHED, content_type=kind, charset=charset, snapshot=digest
        )
        if known is not None and known.snapshot == digest and known.charset == charset:
            return self._unchanged(candidate, known, visit)
        links = self._links(
            candidate.url, answer.body, kind, charset, answer.headers.get("x-robots-tag", "")
        )
        return self._kept(candidate, answer.body, visit, links)

    def _kept(
        self, candidate: Candidate, body: bytes, visit: Visit, links: PageLinks | None
    ) -> Arrival:
        if links is not None and links.redirect:
            return _elsewhere(candidate, links.redirect, replace(visit, snapshot=""), "redirect")
        if links is not None and links.noindex:
            refused = replace(visit, outcome=Outcome.REFUSED, reason="noindex", snapshot="")
            return Arrival(candidate, refused, links)
        visit = replace(visit, text=links.text if links else "")
        if not candidate.known_only:
            self.store(
                Body(visit.url, visit.snapshot, visit.content_type, visit.charset, visit.text), body
            )
        return Arrival(candidate, visit, links)

    def _links(
        self, url: str, body: bytes, kind: str, charset: str, robots_header: str = ""
    ) -> PageLinks | None:
        if kind in HTML:
            return read_links(body, url, charset or None, robots_header)
        digest = sha256(b" ".join(body.split())).hexdigest()
        return PageLinks(text=digest, noindex="noindex" in robots_header.lower())


def _conditions(known: Known | None) -> dict[str, str]:
    conditions = {"Accept": ACCEPT}
    if known is not None and known.etag:
        conditions["If-None-Match"] = known.etag
    elif known is not None and known.last_modified:
        conditions["If-Modified-Since"] = known.last_modified
    return conditions


def _without_answer(blank: Visit, error: FetchError | OutOfTime) -> Visit:
    if isinstance(error, OutOfTime):
        return replace(
            blank, outcome=Outcome.REFUSED, reason="budget", detail="seconds", transient=True
        )
    if isinstance(error, BlockedAddress):
        return replace(blank, outcome=Outcome.REFUSED, reason="private_address", detail=str(error))
    if isinstance(error, TooLarge):
        return replace(blank, outcome=Outcome.REFUSED, reason="size", detail=str(error))
    return replace(blank, reason="unreachable", detail=str(error)[:500], transient=True)


def _elsewhere(candidate: Candidate, target: str | None, visit: Visit, reason: str) -> Arrival:
    if target is None:
        return Arrival(
            candidate, replace(visit, reason="redirects", detail="to no URL that can be fetched")
        )
    moved = replace(visit, outcome=Outcome.REFUSED, reason=reason, detail=target)
    return Arrival(candidate, moved, target=target)


def _validated(visit: Visit, answer: Response) -> Visit:
    """Keep the validators that may be trusted (RFC 9110, 8.8.2.2).

    A page that changed within a minute before it was sent may change again in the same second.
    """
    modified = answer.headers.get("last-modified", "")
    strong = False
    try:
        sent = parsedate_to_datetime(answer.headers.get("date", ""))
        strong = sent - parsedate_to_datetime(modified) >= _WEAK
    except (ValueError, TypeError):
        pass
    return replace(
        visit, etag=answer.headers.get("etag", ""), last_modified=modified if strong else ""
    )


def _media_type(answer: Response) -> str:
    if answer.content_type:
        return answer.content_type
    start = answer.body[:512].lstrip().lower()
    return (
        PDF if start.startswith(b"%pdf-") else "text/html" if start.startswith(b"<") else "unknown"
    )
