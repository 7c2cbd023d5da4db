"""What a sitemap lists: sitemaps.org XML, an index of them, plain text, gzip of any.

Reads bytes; fetches nothing. XML is read without entities, a document type or the network.
"""

import zlib
from dataclasses import dataclass, field
from io import BytesIO

from rag_pipelines.corpus.markup import Element, etree

MAX_BYTES = 50_000_000
MAX_URLS = 50_000
MAX_SITEMAPS = 100
"""Sitemaps that are read in one crawl, those that an index names included."""


@dataclass
class Sitemap:
    """URLs of pages and of further sitemaps, as written; `problem` says why there are no more."""

    pages: list[str] = field(default_factory=list[str])
    sitemaps: list[str] = field(default_factory=list[str])
    problem: str = ""


def read_sitemap(body: bytes) -> Sitemap:
    """Read a sitemap of any kind; a broken one gives what stood before the break."""
    try:
        body = _inflated(body)
    except (zlib.error, ValueError) as error:
        return Sitemap(problem=f"gzip: {error}")
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")
    return _read_xml(start) if start.startswith(b"<") else _read_text(start)


def _inflated(body: bytes) -> bytes:
    if not body.startswith(b"\x1f\x8b"):
        return body
    stream = zlib.decompressobj(wbits=31)
    data = stream.decompress(body, MAX_BYTES)
    if stream.unconsumed_tail:
        raise ValueError(f"more than {MAX_BYTES} bytes inside")
    return data


def _read_text(body: bytes) -> Sitemap:
    lines = (line.strip() for line in body.decode("utf-8", "replace").splitlines())
    return Sitemap(pages=[line for line in lines if line.startswith("http")][:MAX_URLS])


def _read_xml(body: bytes) -> Sitemap:
    found = Sitemap()
    try:
        for _, element in etree.iterparse(
            BytesIO(body), resolve_entities=False, no_network=True, load_dtd=False, recover=False
        ):
            _take(element, found)
            element.clear()
            if len(found.pages) >= MAX_URLS:
                found.problem = f"more than {MAX_URLS} URLs"
                break
    except etree.XMLSyntaxError as error:
        found.problem = f"XML: {error.msg}"[:200]
    return found


def _take(element: Element, found: Sitemap) -> None:
    name = etree.QName(element).localname if isinstance(element.tag, str) else ""
    parent = element.getparent()
    if name != "loc" or parent is None or not element.text:
        return
    kind = etree.QName(parent).localname
    if kind == "url":
        found.pages.append(element.text.strip())
    elif kind == "sitemap" and len(found.sitemaps) < MAX_SITEMAPS:
        found.sitemaps.append(element.text.strip())
