"""What a crawl needs to know of a page: where it leads, and what it asks of robots.

Reads HTML once, in document order, without keeping it. What the page says is the extractor's.
"""

import codecs
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from rag_pipelines.corpus.markup import etree
from rag_pipelines.corpus.urls import canonical

MAX_LINKS = 5_000
"""Distinct links of one page that are followed, in document order."""
REFRESH_IS_REDIRECT = 10.0
"""A page that sends its reader on within so many seconds is not a page of its own."""

_MAX_HREFS = 4 * MAX_LINKS  # many of them may be one URL
_LINKS = {"a": "href", "area": "href", "iframe": "src", "frame": "src"}
_UNSEEN = frozenset({"script", "style", "noscript"})
_NEIGHBOURS = frozenset({"next", "prev", "previous"})
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
    reader = _read(body, _encoding(charset))
    base = canonical(reader.base, url) or url if reader.base else url
    links, ignored = _distinct(reader.links, base)
    asked = _directives([robots_header, *reader.robots])
    return PageLinks(
        links=links,
        ignored=ignored + reader.more,
        redirect=_refresh(reader.refresh, base, url),
        canonical=_other(canonical(reader.canonical, base), url) if reader.canonical else "",
        noindex="noindex" in asked or "none" in asked,
        nofollow="nofollow" in asked or "none" in asked,
        text=reader.text(),
    )


class _Reader:
    """Takes what it wants from a page while it is parsed, so that no tree is ever held."""

    def __init__(self) -> None:
        self.base = self.canonical = ""
        self.links: dict[str, None] = {}
        self.more = 0
        self.robots: list[str] = []
        self.refresh: list[str] = []
        self._pieces: list[str] = []
        self._unseen = 0

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _LINKS:
            self._link(attributes.get(_LINKS[tag]))
        elif tag == "meta":
            self._meta(attributes)
        elif tag == "link":
            self._relation(attributes)
        elif tag == "base":
            self.base = self.base or attributes.get("href", "")

    def end(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen -= 1

    def data(self, text: str) -> None:
        if not self._unseen:
            self._pieces.append(text)

    def text(self) -> str:
        """Digest of the words that the page shows."""
        words = " ".join(self._pieces).split()
        return sha256(" ".join([*words, ""]).encode("utf-8", "replace")).hexdigest()

    def close(self) -> "_Reader":
        return self

    def _link(self, href: str | None) -> None:
        if href is None or href in self.links:
            return
        if len(self.links) < _MAX_HREFS:
            self.links[href] = None
        else:
            self.more += 1

    def _meta(self, attributes: Mapping[str, str]) -> None:
        content = attributes.get("content", "")
        if attributes.get("name", "").strip().lower() in _AGENTS:
            self.robots.append(content)
        if attributes.get("http-equiv", "").strip().lower() == "refresh":
            self.refresh.append(content)

    def _relation(self, attributes: Mapping[str, str]) -> None:
        relations = attributes.get("rel", "").lower().split()
        if "canonical" in relations:
            self.canonical = self.canonical or attributes.get("href", "")
        elif not _NEIGHBOURS.isdisjoint(relations):
            self._link(attributes.get("href"))


def _read(body: bytes, encoding: str | None) -> _Reader:
    reader = _Reader()
    parser = etree.HTMLParser(target=reader, encoding=encoding, no_network=True, huge_tree=True)
    with suppress(ValueError, etree.XMLSyntaxError):  # what was read until then counts
        etree.fromstring(body, parser)
    return reader


def _encoding(charset: str | None) -> str | None:
    """A charset that the parser knows; otherwise it looks for itself."""
    try:
        name = codecs.lookup(charset).name if charset else None
        etree.HTMLParser(encoding=name)
    except LookupError:
        return None
    return name


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


def _directives(texts: list[str]) -> set[str]:
    words: set[str] = set()
    for text in texts:
        # an X-Robots-Tag may name the agent it is meant for before a colon
        for part in text.lower().split(","):
            agent, colon, rest = part.strip().rpartition(":")
            if not colon or agent.strip() in _AGENTS:
                words.add((rest if colon else part).strip())
    return words


def _refresh(contents: Iterable[str], base: str, url: str) -> str:
    for content in contents:
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
