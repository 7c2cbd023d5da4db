"""Which of a page's blocks are its main text.

trafilatura decides; its own Markdown is not used, because it loses headings in wrapped title
blocks, breaks code at its first child element and escapes prose (seen on DocBook pages). Instead
each block carries one private-use character through trafilatura, and those that come out are kept.
What it dropped in the midst of the main text (code, tables, headings, items) is taken back.
"""

import logging
import re
from collections.abc import Iterable, Sequence

from rag_pipelines.corpus.blocks import Block
from rag_pipelines.corpus.markup import Element, etree, words

_FIRST_MARK = 0xF0000
_MARKS = re.compile("[\U000f0000-\U000fffff]")
_MOST_MARKED = 20_000
"""Blocks beyond this are chosen without trafilatura, whose time grows faster than a page."""
_SHORT = 250
"""Fewer characters than this are not a page's text: its links, such as a table of contents, are."""
_TOO_DEEP = etree.XPath(f"boolean({'/*' * 200})")
"""Nesting beyond this is no page that a person wrote, and quadratic work for trafilatura."""
_INLINE = words(
    "span abbr acronym b bdi bdo big cite code data del dfn em font i ins kbd mark math q rp "
    "rt ruby s samp small span strike strong sub sup time tt u var wbr br"
)
_MOSTLY_LINKS = 0.6
_TOO_LITTLE = 0.3
"""Share of the page's own prose below which trafilatura is taken to have missed the main text."""

logging.getLogger("trafilatura").setLevel(logging.CRITICAL)


def main_blocks(root: Element, blocks: Sequence[Block]) -> list[Block]:
    """The main text's blocks in order. Uses the tree up: it is not to be read afterwards."""
    if not blocks:
        return []
    hostile = len(blocks) > _MOST_MARKED or _TOO_DEEP(root)
    kept = set[int]() if hostile else _picked(root, blocks)
    prose = [at for at, block in enumerate(blocks) if _is_prose(block)]
    if _size(blocks, kept) < _TOO_LITTLE * _size(blocks, prose):
        kept |= set(prose)
    chosen = _with_taken_back(blocks, kept)
    if sum(len(block.text) for block in chosen if block.kind != "heading") >= _SHORT:
        return chosen
    return [block for block in blocks if not block.furniture] or list(blocks)


def _picked(root: Element, blocks: Sequence[Block]) -> set[int]:
    """Numbers of the blocks that come out of trafilatura."""
    from trafilatura import bare_extraction

    _mark(blocks)
    etree.strip_tags(root, *_INLINE)
    _name_main(root)
    try:
        # "xml" leaves the body a tree; "python" would write it out as text as well.
        document = bare_extraction(root, fast=True, include_comments=False, output_format="xml")
    except (RecursionError, ValueError, TypeError, AttributeError, IndexError, AssertionError):
        return set()
    body = getattr(document, "body", None)
    text = "" if body is None else "".join(body.itertext())
    numbers = {ord(mark) - _FIRST_MARK for mark in _MARKS.findall(text)}
    return {number for number in numbers if number < len(blocks)}


def _name_main(root: Element) -> None:
    """Give a page without `main` one around all of it.

    trafilatura then reads the page once; without a frame it prunes and searches it twice.
    """
    body = root.find("body")
    if body is not None and root.find(".//main") is None:
        main = etree.Element("main")
        main.text, body.text = body.text, None
        main.extend(list(body))
        body.append(main)


def _mark(blocks: Sequence[Block]) -> None:
    for number, block in enumerate(blocks):
        mark, node = chr(_FIRST_MARK + number), block.node
        if block.kind in ("code", "table"):
            _flatten(node, mark + block.text, block.linked > _MOSTLY_LINKS)
        elif block.in_tail:
            node.tail = mark + (node.tail or "")
        else:
            node.text = mark + (node.text or "")


def _flatten(node: Element, text: str, as_link: bool) -> None:
    """Code and tables pass through trafilatura as one paragraph: it would cut and rewrite them."""
    for child in list(node):
        node.remove(child)
    node.tag = "p"
    holder = etree.SubElement(node, "a", href="#") if as_link else node
    holder.text = text


def _is_prose(block: Block) -> bool:
    return (
        not (block.furniture or block.contents)
        and block.kind != "heading"
        and block.linked <= _MOSTLY_LINKS
    )


def _size(blocks: Sequence[Block], numbers: Iterable[int]) -> int:
    return sum(len(blocks[number].text) for number in numbers)


def _with_taken_back(blocks: Sequence[Block], kept: set[int]) -> list[Block]:
    """Kept blocks, prose between the first and the last, and headings with text below."""
    bodies = [number for number in kept if blocks[number].kind != "heading"]
    first, last = (min(bodies), max(bodies)) if bodies else (0, -1)
    chosen: list[Block | None] = [None] * len(blocks)
    open_below = 0
    for number in range(len(blocks) - 1, -1, -1):
        block = blocks[number]
        if block.kind == "heading":
            if not (block.furniture or block.contents) and open_below:
                chosen[number] = block
                open_below = min(open_below, block.level)
            continue
        inside = first <= number <= last or _continues(blocks, number, last, kept)
        if number in kept or (inside and _is_prose(block)):
            chosen[number] = block
            open_below = 7
    return [block for block in chosen if block is not None]


def _continues(blocks: Sequence[Block], number: int, last: int, kept: set[int]) -> bool:
    """Code and tables right after the last kept block still belong to it."""
    return (
        last >= 0
        and last < number <= last + 2
        and blocks[number].kind in ("code", "table", "definition", "item")
    )
