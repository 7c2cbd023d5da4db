"""What a crawl needs to know of a page: where it leads, and what it asks of robots.

Reads HTML once, quickly and in document order. What the page says is the extractor's.
"""

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from rag_pipelines.corpus.markup import Element, etree
from rag_pipelines.corpus.urls import canonical

MAX_LINKS = 5_000
"""Distinct links of one page that are followed, in document order."""
REFRESH_IS_REDIRECT = 10.0
"""A page that sends its reader on within so many seconds is not a page of its own."""

_LINKS = etree.XPath(
    "//a/@href | //area/@href | //iframe/@src | //frame/@src"
    " | //link[@rel='next' or @rel='prev' or @rel='previous']/@href"
)
_TEXT = etree.XPath("//text()[not(parent::script or parent::style or parent::noscript)]")
_REFRESH = re.compile(r"\s*([0-9.]+)\s*[;,]?\s*(?:url\s*=)?\s*['\"]?([^'\"]*)", re.IGNORECASE)
_AGENTS = frozenset({"robots", "rag_pipelines"})


@dataclass(frozen=True)
class PageLinks:
    """Links in document order, each once; `ignored` were beyond the cap.

    `redirect` is where a meta refresh leads, `canonical` what the page says its URL is, both
    empty where they are the page itself; `text` is a digest of all that the page shows.
    """

    links: tuple[str, ...] = ()
    ignored: int = 0
    redirect: str = ""
    canonical: str = ""
    noindex: bool = False
    nofollow: bool = False
    text: str = ""


def read_links(body: bytes, url: str, charset: str | None, robots_header: str = "") -> PageLinks:
    """Links of the page at the canonical `url`; `robots_header` is its X-Robots-Tag."""
    root = _parsed(body, charset)
    asked = _directives([robots_header])
    if root is None:
        return PageLinks(text=sha256(body).hexdigest())
    base = next((b for href in root.xpath("//base/@href") if (b := canonical(href, url))), url)
    asked |= _directives(_metas(root, "name", _AGENTS))
    links, ignored = _distinct(_LINKS(root), base)
    stated = root.xpath("//link[translate(@rel,'CANOIL','canoil')='canonical']/@href")
    return PageLinks(
        links=links,
        ignored=ignored,
        redirect=_refresh(root, base, url),
        canonical=_other(canonical(stated[0], base), url) if len(stated) == 1 else "",
        noindex="noindex" in asked or "none" in asked,
        nofollow="nofollow" in asked or "none" in asked,
        text=_digest(_TEXT(root)),
    )


def _parsed(body: bytes, charset: str | None) -> Element:
    try:
        encoding = codecs.lookup(charset).name if charset else None
        return etree.fromstring(
            body, etree.HTMLParser(encoding=encoding, no_network=True, huge_tree=True)
        )
    except (LookupError, ValueError, etree.XMLSyntaxError):
        return _parsed(body, None) if charset else None


def _distinct(hrefs: Iterable[str], base: str) -> tuple[tuple[str, ...], int]:
    found: dict[str, None] = {}
    ignored = 0
    for href in hrefs:
        link = canonical(href, base)
        if link is None or link in found:
            continue
        if len(found) < MAX_LINKS:
            found[link] = None
        else:
            ignored += 1
    return tuple(found), ignored


def _metas(root: Element, attribute: str, names: frozenset[str]) -> list[str]:
    metas = root.iter("meta")
    return [m.get("content", "") for m in metas if m.get(attribute, "").strip().lower() in names]


def _directives(texts: list[str]) -> set[str]:
    words: set[str] = set()
    for text in texts:
        # an X-Robots-Tag may name the agent it is meant for before a colon
        for part in text.lower().split(","):
            agent, colon, rest = part.strip().rpartition(":")
            if not colon or agent.strip() in _AGENTS:
                words.add((rest if colon else part).strip())
    return words


def _refresh(root: Element, base: str, url: str) -> str:
    for content in _metas(root, "http-equiv", frozenset({"refresh"})):
        match = _REFRESH.match(content)
        if match and match[2].strip() and _delay(match[1]) <= REFRESH_IS_REDIRECT:
            return _other(canonical(match[2], base), url)
    return ""


def _delay(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _other(found: str | None, url: str) -> str:
    return found if found and found != url else ""


def _digest(texts: Iterable[str]) -> str:
    return sha256(" ".join(" ".join(texts).split()).encode("utf-8", "replace")).hexdigest()
