"""Tables of an HTML file with their spans, which Unstructured leaves out. Runs in the worker."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rag_pipelines.corpus.charset import decode
from rag_pipelines.corpus.markup import etree, parsed
from rag_pipelines.documents.raw import RawElement
from rag_pipelines.documents.tables_grid import html_of
from rag_pipelines.documents.tables_html import clean_table


def with_spans(elements: Sequence[RawElement], page: Path) -> Iterator[RawElement]:
    """The elements, each table as the file itself has it, clean; else as Unstructured has it.

    A table is known by its letters, in the order of the file.
    """
    tables = _tables(page)
    for element in elements:
        letters = _letters(element.get("text", "")) if element.get("kind") == "Table" else ""
        at = next((at for at, (said, _) in enumerate(tables) if letters and said == letters), None)
        if at is None:
            yield element
        else:
            spanned: RawElement = {**element, "html": _clean(tables[at][1])}
            tables = tables[at + 1 :]
            yield spanned


def _clean(table: str) -> str:
    grid, caption = clean_table(table)
    return html_of(grid, caption)


def _tables(page: Path) -> list[tuple[str, str]]:
    """Letters and HTML of every table that stands in no other."""
    tree = parsed(decode(page.read_bytes()))
    if tree is None:
        return []
    etree.strip_elements(tree, "script", "style", "template", etree.Comment, with_tail=False)
    outer = (
        table for table in tree.iter("table") if next(table.iterancestors("table"), None) is None
    )
    return [
        (_letters(table.text_content()), etree.tostring(table, encoding="unicode", method="html"))
        for table in outer
    ]


def _letters(text: str) -> str:
    return "".join(text.split())
