"""A tree of HTML in, its blocks of text out: headings, paragraphs, items, code and tables.

Knows how each kind is written in Markdown. Does not know which blocks are main text; each tells
whether it stands in the page's furniture and how much of it is links.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from rag_pipelines.corpus.grid import grid_text
from rag_pipelines.corpus.markup import Element, etree, seen, words

BLOCK_TAGS = words(
    "address article aside blockquote body caption center dd details dir div dl dt "
    "fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr legend li "
    "main menu nav ol p pre search section summary table tbody td tfoot th thead tr ul"
)
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_FURNITURE_TAGS = frozenset(["nav", "footer", "aside", "menu", "form", "search"])

_FURNITURE_ROLES = words(
    "navigation banner contentinfo complementary search dialog menu menubar tablist alert"
)
_FURNITURE_NAMES = re.compile(
    r"(?:^|[\s_-])(?:nav(?:bar|header|footer|igation)?|menu|side-?bar|bread-?crumbs?|footer|masthead|"
    r"share|sharing|social|related|recommend(?:ed|ations)?|cookies?|consent|gdpr|advert(?:isement)?|ads?|promo|"
    r"newsletter|subscribe|pagination|pager|skip-?link|tag-?list|widget|popup|modal|edit-?link|sphinxsidebar)(?:$|[\s_-])",
    re.IGNORECASE,
)
_CONTENTS_NAMES = re.compile(
    r"(?:^|[\s_-])(?:toc|toctree-wrapper|table-of-contents|contents)(?:$|[\s_-])", re.IGNORECASE
)
_ADMONITION = re.compile(
    r"(?:^|[\s_-])(?:note|tip|hint|info|warning|caution|important|danger|admonition|callout|alert)"
    r"(?:$|[\s_-])",
    re.IGNORECASE,
)
"""A "Note" over a box is no section: what follows the box would stand under it."""
_ANCHOR_SIGNS = frozenset(("¶", "#", "§", "🔗", "", "¶"))
_LANGUAGE = re.compile(
    r"(?:^|\s)(?:language-|lang-|highlight-(?:source-)?|brush:\s*)([\w+#-]{1,20})", re.IGNORECASE
)
_READS_AS_BLOCK = re.compile(r"^(?=(?:#{1,6}\s|`{3,}|~{3,}|\|))", re.MULTILINE)
_SPACES = re.compile(r"[^\S\n]+")


@dataclass(slots=True)
class Block:
    """One block as it reads in Markdown, and where its text begins in the tree."""

    kind: str
    text: str
    level: int = 0
    furniture: bool = False
    contents: bool = False
    """Whether it stands in a table of contents."""
    linked: float = 0.0
    """Share of its characters that are links, 0 to 1."""
    node: Element = None
    in_tail: bool = False


def read_blocks(root: Element) -> list[Block]:
    """Blocks in reading order. Lists keep their nesting, code its lines, tables their rows."""
    return list(_Reader().read(root))


class _Reader:
    """Walks the tree once; text is gathered until a block element begins or ends."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.start: tuple[Element, bool] | None = None
        self.links = 0
        self.link_characters = 0
        self.furniture = 0
        self.contents = 0
        self.quotes = 0
        self.lists: list[int | None] = []
        self.prefix = ""
        self.kind = "paragraph"
        self.level = 0

    def read(self, root: Element) -> Iterator[Block]:
        body = root.find("body")
        top = root if body is None else body
        walk = etree.iterwalk(top, events=("start", "end"))
        for event, element in walk:
            tag = element.tag
            if event == "end":
                yield from self._end(element, tag)
                if element is not top:
                    self._add(element.tail, element, True)
            elif tag == "pre" or (tag in ("table", "math") and not _is_layout(element)):
                yield from self._whole(element, tag)
                walk.skip_subtree()
            else:
                yield from self._begin(element, tag)
                self._add(element.text, element, False)
        yield from self._flush()

    def _begin(self, element: Element, tag: str) -> Iterator[Block]:
        if tag == "a":
            self.links += 1
        if tag not in BLOCK_TAGS:
            return
        yield from self._flush()
        self._count(element, tag, 1)
        if tag in ("ul", "ol", "menu", "dir"):
            self.lists.append(_first_number(element) if tag == "ol" else None)
        elif tag == "li":
            self.prefix, self.kind = self._bullet(), "item"
        elif tag == "blockquote":
            self.quotes += 1
        elif tag in _HEADINGS:
            if not _ADMONITION.search(element.getparent().get("class", "")):
                self.kind, self.level = "heading", _HEADINGS[tag]
        elif tag in ("dt", "dd"):
            self.kind = "term" if tag == "dt" else "definition"

    def _end(self, element: Element, tag: str) -> Iterator[Block]:
        if tag == "a":
            self.links = max(0, self.links - 1)
        elif tag == "br" and self.pieces:
            self.pieces.append("\n")
        if tag not in BLOCK_TAGS:
            return
        yield from self._flush()
        self._count(element, tag, -1)
        self.kind, self.prefix = "paragraph", ""
        if tag in ("ul", "ol", "menu", "dir") and self.lists:
            self.lists.pop()
        elif tag == "blockquote":
            self.quotes -= 1

    def _count(self, element: Element, tag: str, step: int) -> None:
        stands_in = _place(element, tag)
        if stands_in == "furniture":
            self.furniture += step
        elif stands_in == "contents":
            self.contents += step

    def _whole(self, element: Element, tag: str) -> Iterator[Block]:
        if tag == "math":
            self._add(_formula(element), element, False)
            return
        yield from self._flush()
        text = _code(element) if tag == "pre" else grid_text(element)
        if text:
            self._count(element, tag, 1)
            kind = "code" if tag == "pre" else "table"
            yield self._block(kind, text, _linked(element), element)
            self._count(element, tag, -1)
        self.kind, self.prefix = "paragraph", ""

    def _add(self, text: str | None, node: Element, in_tail: bool) -> None:
        if not text:
            return
        if self.start is None:
            if text.isspace():
                return
            self.start = (node, in_tail)
        self.pieces.append(text if "\n" not in text else text.replace("\n", " "))
        if (self.links and not in_tail) or (self.links > 0 and node.tag != "a"):
            self.link_characters += len(text)

    def _flush(self) -> Iterator[Block]:
        if self.start is None:
            return
        raw = "".join(self.pieces)
        text = "\n".join(
            line
            for line in (_SPACES.sub(" ", line).strip() for line in seen(raw).split("\n"))
            if line
        )
        (node, in_tail), linked = (
            self.start,
            min(1.0, self.link_characters / max(1, len(raw.strip()))),
        )
        self.pieces, self.start, self.link_characters = [], None, 0
        if self.kind == "heading":
            text = text.replace("\n", " ").rstrip("¶#§ ")
        if text and text not in _ANCHOR_SIGNS:
            written = self._written(text)
            yield self._block(self.kind, written, linked, node, in_tail)
            if self.kind != "heading":
                self.kind, self.prefix = "paragraph", ""

    def _block(
        self, kind: str, text: str, linked: float, node: Element, in_tail: bool = False
    ) -> Block:
        level = self.level if kind == "heading" else 0
        return Block(
            kind, text, level, self.furniture > 0, self.contents > 0, linked, node, in_tail
        )

    def _written(self, text: str) -> str:
        if self.kind == "heading":
            return f"{'#' * self.level} {text}"
        text = self.prefix + _READS_AS_BLOCK.sub(r"\\", text)
        if self.kind == "definition":
            text = f": {text}"
        return "\n".join(f"> {line}" for line in text.split("\n")) if self.quotes else text

    def _bullet(self) -> str:
        indent = "  " * (len(self.lists) - 1)
        if not self.lists or self.lists[-1] is None:
            return f"{indent}- "
        self.lists[-1] += 1
        return f"{indent}{self.lists[-1] - 1}. "


def _first_number(element: Element) -> int:
    start = element.get("start", "1")
    return int(start) if start.isdecimal() and len(start) < 7 else 1


def _place(element: Element, tag: str) -> str:
    classes, identity = element.get("class", ""), element.get("id", "")
    return _named_place(tag, classes[:300], identity[:100], element.get("role", ""))


@lru_cache(maxsize=4096)
def _named_place(tag: str, classes: str, identity: str, role: str) -> str:
    """`furniture`, `contents`, or empty for the page itself."""
    if tag in ("body", "main", "article") or role == "main":
        return ""
    if _CONTENTS_NAMES.search(classes) or _CONTENTS_NAMES.search(identity) or role == "doc-toc":
        return "contents"
    if tag in _FURNITURE_TAGS or role in _FURNITURE_ROLES:
        return "furniture"
    named = _FURNITURE_NAMES.search(classes) or _FURNITURE_NAMES.search(identity)
    return "furniture" if named else ""


def _is_layout(element: Element) -> bool:
    """Tables that hold a page's layout, or code with its line numbers, are walked, not drawn."""
    if element.tag != "table":
        return False
    if element.get("role") in ("presentation", "none"):
        return True
    return (
        next(element.iterdescendants("table", "pre", *_HEADINGS, "article", "form"), None)
        is not None
    )


def _linked(element: Element) -> float:
    whole = len("".join(element.itertext()).strip())
    linked = sum(len("".join(link.itertext())) for link in element.iter("a"))
    return min(1.0, linked / whole) if whole else 0.0


def _formula(element: Element) -> str:
    for annotation in element.iter("annotation"):
        if "tex" in annotation.get("encoding", ""):
            return annotation.text or ""
    return element.get("alttext") or " ".join(" ".join(element.itertext()).split())


def _code(element: Element) -> str:
    for line_break in element.iter("br"):
        line_break.tail = "\n" + (line_break.tail or "")
    text = seen("".join(element.itertext())).replace("\xa0", " ")
    lines = [line.rstrip() for line in text.split("\n")]
    code = "\n".join(lines).strip("\n")
    if not code.strip():
        return ""
    longest = max((len(run) for run in re.findall("`+", code)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{_language(element)}\n{code}\n{fence}"


def _language(element: Element) -> str:
    parent = element.getparent()
    holders = [element, *element.iterchildren("code"), *([] if parent is None else [parent])]
    for holder in holders:
        found = _LANGUAGE.search(holder.get("class", ""))
        if found and found.group(1).lower() not in (
            "none",
            "default",
            "text",
            "plaintext",
            "light",
            "dark",
        ):
            return found.group(1).lower()
    return ""
