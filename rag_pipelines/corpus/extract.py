"""One page's bytes in, its main text in Markdown out, with title, language and date.

Pure: no network, no files. Knows nothing of crawling; run it through `ExtractionPool` for pages
that nobody vouches for, since a parser is where a hostile page strikes.
"""

from dataclasses import dataclass

from rag_pipelines.corpus.blocks import Block, read_blocks
from rag_pipelines.corpus.charset import decode
from rag_pipelines.corpus.main_text import main_blocks
from rag_pipelines.corpus.markup import drop_unseen, parsed, seen
from rag_pipelines.corpus.metadata import language_of, named_by, published_on, title_of

EXTRACTOR_VERSION = "1"
"""Moves when the same bytes would read differently: pages of another version are stale."""


@dataclass(frozen=True, slots=True)
class Extracted:
    """A page as it reads.

    `text` is Markdown, empty where the page shows none; `language` an ISO 639-1 code and
    `published` an ISO date, both empty where unknown.
    """

    title: str
    text: str
    language: str = ""
    published: str = ""


def extract(body: bytes, url: str = "", charset: str | None = None) -> Extracted:
    """Main text of an HTML page, whatever its bytes: a page without any gives empty text.

    `charset` is the one its HTTP header declared, if any. Hidden text is left out.
    """
    root = parsed(decode(body, charset))
    if root is None:
        return Extracted(named_by(url), "")
    published = published_on(root)
    title = title_of(root, url)
    drop_unseen(root)
    blocks = main_blocks(root, read_blocks(root))
    prose = " ".join(block.text for block in blocks[:20] if block.kind not in ("code", "table"))
    return Extracted(title, seen(markdown(blocks)), language_of(root, prose), published)


def markdown(blocks: list[Block]) -> str:
    """Blocks as one document: a blank line between them, none within a list or a definition."""
    pieces: list[str] = []
    before = ""
    for block in blocks:
        tight = (before == block.kind == "item") or (
            before == "term" and block.kind in ("term", "definition")
        )
        if pieces:
            pieces.append("\n" if tight else "\n\n")
        pieces.append(block.text)
        before = block.kind
    return "".join(pieces)
