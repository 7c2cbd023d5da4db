"""Documents in, chunks out: running text, tables and figures, each cut in its own way.

Knows what of a document a chunk is made from and where that stands on the page. Does not know
how text is cut (the splitter does), nor how any of it was read.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from rag_pipelines.corpus.chunking import Passage, Splitter
from rag_pipelines.corpus.fingerprint import digest_of, fold
from rag_pipelines.documents.flow import (
    Flow,
    bare_headings,
    flow_of,
    is_heading,
    language_of,
    paths_of,
)
from rag_pipelines.documents.packing import Line, packed
from rag_pipelines.documents.placing import Place, place_of_figure, place_of_table, words_of
from rag_pipelines.documents.table_text import html_of_rows, lines_of
from rag_pipelines.records import Chunk, DocumentTable, Element, Figure, Page

VERSION = "2"
"""Moves when the same elements, tables and figures give other chunks."""


def chunk_documents(
    elements: Sequence[Element],
    tables: Sequence[DocumentTable],
    figures: Sequence[Figure],
    splitter: Splitter,
) -> list[Chunk]:
    """Cut documents into chunks in reading order, whose ids depend on content and place alone.

    A table or a figure is a chunk of its own, a long one several; text that it holds is not cut
    again. What a chunk was made from is in `elements`: ids of elements, and first the table's or
    the figure's own. Every file's text is cut under each URL that it has.
    """
    files: defaultdict[tuple[str, str], _File] = defaultdict(lambda: _File([], [], []))
    for element in elements:
        files[element.source, element.url].elements.append(element)
    for table in tables:
        if table.rows:
            files[table.source, table.url].tables.append(table)
    for figure in figures:
        if figure.image:
            files[figure.source, figure.url].figures.append(figure)
    return [chunk for key in sorted(files) for chunk in _chunks(files[key], splitter)]


@dataclass(frozen=True, slots=True)
class _File:
    elements: list[Element]
    tables: list[DocumentTable]
    figures: list[Figure]


_Placed = tuple[int, Chunk]
"""A chunk, and the index of the element that it stands at."""


def _chunks(file: _File, splitter: Splitter) -> Iterator[Chunk]:
    elements = sorted(file.elements, key=lambda element: element.position)
    paths = [*paths_of(elements), ()]
    if elements:  # what stands after the last element stands under its headings
        paths[-1] = paths[-2]
    languages = Counter(element.language for element in elements if element.language)
    pieces: list[_Placed] = []
    told: set[str] = set()
    for table in sorted(file.tables, key=lambda table: table.position):
        place = place_of_table(table, elements, told)
        told |= {element.id for element in place.told}
        pieces += _of_table(table, place, paths[place.at], elements, splitter)
    for figure in sorted(file.figures, key=lambda figure: figure.position):
        place = place_of_figure(figure, elements)
        told |= {element.id for element in place.told}
        pieces += _of_figure(figure, place, paths[place.at], splitter)
    pieces = [(at, replace(chunk, language=language_of((), languages))) for at, chunk in pieces]
    told.update(list(bare_headings(elements, told, {at for at, _ in pieces})))
    pieces += _of_text(elements, told, languages, splitter)
    seen: Counter[str] = Counter()
    for position, (_, chunk) in enumerate(sorted(pieces, key=lambda piece: piece[0])):
        key = f"{chunk.kind}\n{chunk.image}\n{chunk.text}"
        seen[key] += 1
        own = (chunk.source, chunk.url, splitter.fingerprint, VERSION, key, str(seen[key]))
        yield replace(chunk, id=digest_of(*own), position=position)


def _of_text(
    elements: Sequence[Element], told: set[str], languages: Counter[str], splitter: Splitter
) -> Iterator[_Placed]:
    flow = flow_of(elements, told)
    if not flow.elements:
        return
    order = {element.id: at for at, element in enumerate(elements)}
    first = flow.elements[0]
    page = Page(source=first.source, url=first.url, title=first.title, text=flow.text)
    for passage in splitter.split(page, flow.breaks):
        for piece in _by_page(passage, flow, splitter):
            among = flow.between(piece.start, piece.start + len(piece.text))
            number = _page_where_it_says(among)
            chunk = Chunk(
                id="",
                source=first.source,
                url=first.url,
                title=piece.title,
                heading=piece.heading,
                text=piece.text,
                tokens=piece.tokens,
                kind="document",
                language=language_of(among, languages),
                page=number,
                document=first.document,
                box=around(element.box for element in among if element.page == number),
                elements=[element.id for element in among],
            )
            yield order[among[0].id], chunk


def _by_page(passage: Passage, flow: Flow, splitter: Splitter) -> list[Passage]:
    """The passage cut where a page begins, for a citation names one page.

    Headings at the end of a page go with what stands under them on the next.
    """
    start, end = passage.start, passage.start + len(passage.text)
    cuts = {flow.cut_at(at) for at in flow.breaks if start < at < end}
    inside = sorted(at for at in cuts if at > start)
    if not inside:
        return [passage]
    bounds = pairwise([start, *inside, end])
    pieces = [
        replace(passage, start=first, text=flow.text[first:last].rstrip()) for first, last in bounds
    ]
    counts = splitter.tokenizer.count([piece.embedded_text for piece in pieces])
    return [replace(piece, tokens=tokens) for piece, tokens in zip(pieces, counts, strict=True)]


def _page_where_it_says(elements: Sequence[Element]) -> int | None:
    return next((e.page for e in elements if not is_heading(e)), elements[0].page)


def _of_table(
    table: DocumentTable,
    place: Place,
    path: Sequence[str],
    elements: Sequence[Element],
    splitter: Splitter,
) -> Iterator[_Placed]:
    path = (*path, fold(table.caption)) if table.caption else path
    for part in packed(lines_of(table), table.title, path, splitter):
        rows = [line.row for line in part.lines if line.row is not None]
        page, box = _page_of(table, rows, elements)
        chunk = Chunk(
            id="",
            source=table.source,
            url=table.url,
            title=part.title,
            heading=part.heading,
            text=part.text,
            tokens=part.tokens,
            kind="table",
            page=page,
            html=html_of_rows(table, rows),
            document=table.document,
            box=box,
            elements=[table.id, *(element.id for element in place.told)],
        )
        yield place.at, chunk


def _page_of(
    table: DocumentTable, rows: Sequence[int], elements: Sequence[Element]
) -> tuple[int | None, list[float] | None]:
    """The page on which most of these rows' words are, and the table's box there."""
    if len(table.pages) < 2:
        return table.page, table.box
    wanted = set(words_of(" ".join(cell for row in rows for cell in table.rows[row])))
    on_page = {page: [e for e in elements if e.page == page] for page in table.pages}
    shared = {
        page: len(wanted & {word for element in there for word in words_of(element.text)})
        for page, there in on_page.items()
    }
    page = max(table.pages, key=lambda number: (shared[number], -number))
    if page == table.page:
        return table.page, table.box
    said = set(words_of(" ".join(cell for row in table.rows for cell in row)))
    inside = [e.box for e in on_page[page] if said.issuperset(words_of(e.text))]
    return page, around(inside)


def _of_figure(
    figure: Figure, place: Place, path: Sequence[str], splitter: Splitter
) -> Iterator[_Placed]:
    path = (*path, fold(figure.caption)) if figure.caption else path
    for part in packed(list(_said_of(figure)), figure.title, path, splitter):
        chunk = Chunk(
            id="",
            source=figure.source,
            url=figure.url,
            title=part.title,
            heading=part.heading,
            text=part.text,
            tokens=part.tokens,
            kind="figure",
            page=figure.page,
            document=figure.document,
            box=figure.box,
            image=figure.image,
            elements=[figure.id, *(element.id for element in place.told)],
        )
        yield place.at, chunk


def _said_of(figure: Figure) -> Iterator[Line]:
    """What is known of a picture, each part saying where it is from."""
    parts = (
        ("", figure.caption),
        (f"Description (by {figure.captioner}): ", figure.description),
        ("Text in the figure: ", figure.text),
        ("Text in the picture (OCR): ", figure.ocr),
    )
    return (Line((label + fold(text),)) for label, text in parts if text.strip())


def around(boxes: Iterable[list[float] | None]) -> list[float] | None:
    """The box around all that are known."""
    known = [box for box in boxes if box is not None]
    if not known:
        return None
    left, top, right, bottom = zip(*known, strict=True)
    return [min(left), min(top), max(right), max(bottom)]
