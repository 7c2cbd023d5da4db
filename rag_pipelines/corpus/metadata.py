"""What a page says about itself: title, language, publication date.

Reads the head and a little of the text. Dates come from declarations alone: searching a page's
text for one (htmldate) costs three times the extraction and is often wrong.
"""

import re
from datetime import date
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from rag_pipelines.corpus.markup import Element, seen

_DATE = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)")
_LD_DATE = re.compile(r'"datePublished"\s*:\s*"([^"]{8,40})"')
_PUBLISHED = (
    "article:published_time",
    "datepublished",
    "date",
    "dc.date",
    "dc.date.issued",
    "dcterms.issued",
    "dcterms.created",
    "citation_publication_date",
    "publish-date",
    "pubdate",
)
_THREE_LETTERS = {
    "eng": "en",
    "deu": "de",
    "ger": "de",
    "fra": "fr",
    "fre": "fr",
    "spa": "es",
    "ita": "it",
    "por": "pt",
}
_LONGEST_TITLE = 300
_READ_FOR_LANGUAGE = 300


def fold(text: str) -> str:
    """The text with each run of white space as one space."""
    return " ".join(text.split())


def title_of(root: Element, url: str) -> str:
    """The page's name without the site's: the heading where the title repeats it."""
    head = _first(root, ".//head/title") or _first(root, ".//title")
    declared = _metas(root).get("og:title", "")
    headings = [fold(seen(heading.text_content())) for heading in root.iter("h1")]
    for heading in headings[:3]:
        if heading and (heading in head or heading in declared):
            return heading[:_LONGEST_TITLE]
    first = next((heading for heading in headings if heading), "")
    return (head or declared or first or named_by(url))[:_LONGEST_TITLE]


def language_of(root: Element, text: str) -> str:
    """ISO 639-1 code as declared, else as the text reads; empty where neither tells."""
    declared = (
        (root.get("lang") or root.get("xml:lang") or _metas(root).get("content-language", ""))
        .strip()
        .lower()
    )
    code = re.split(r"[-_,;\s]", declared)[0]
    code = _THREE_LETTERS.get(code, code)
    return code if re.fullmatch("[a-z]{2}", code) else _read_language(text)


def published_on(root: Element) -> str:
    """ISO date that the page declares, or empty."""
    metas = _metas(root)
    declared = [metas[name] for name in _PUBLISHED if name in metas]
    for script in root.iter("script"):
        if script.get("type") == "application/ld+json":
            declared += _LD_DATE.findall(script.text or "")[:1]
    declared += [time.get("datetime", "") for time in root.iter("time") if "pubdate" in time.attrib]
    declared += [
        tag.get("datetime") or tag.get("content", "")
        for tag in root.xpath("//*[@itemprop='datePublished']")
    ]
    return next((day for day in map(_iso, declared) if day), "")


def _read_language(text: str) -> str:
    words = text[:_READ_FOR_LANGUAGE]
    if len(words) < 40:
        return ""
    classify: Any = import_module("py3langid").classify
    code = str(classify(words)[0])
    return code if len(code) == 2 else ""


def _metas(root: Element) -> dict[str, str]:
    named: dict[str, str] = {}
    for meta in root.iter("meta"):
        name = (
            meta.get("property")
            or meta.get("name")
            or meta.get("itemprop")
            or meta.get("http-equiv")
            or ""
        )
        named.setdefault(name.lower(), fold(seen(meta.get("content", ""))))
    return named


def _first(root: Element, path: str) -> str:
    found = root.find(path)
    return "" if found is None else fold(seen(found.text_content()))


def _iso(declared: str) -> str:
    found = _DATE.search(declared)
    if not found:
        return ""
    try:
        day = date(*(int(part) for part in found.groups()))
    except ValueError:
        return ""
    return day.isoformat() if 1990 <= day.year <= date.today().year + 1 else ""


def named_by(url: str) -> str:
    """A title for a page that has none: the last part of its path, else its host."""
    parts = urlsplit(url)
    last = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1], errors="replace")
    return (
        fold(seen(re.sub(r"\.\w{1,5}$", "", last).replace("-", " ").replace("_", " ")))
        or parts.netloc
    )
