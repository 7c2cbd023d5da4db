"""A data table as rows of Markdown. Does not know where it stands or whether it is wanted."""

from rag_pipelines.corpus.markup import Element, seen, words

_BREAKS = words("p div li br dt dd tr td th ul ol dl section blockquote pre h1 h2 h3 h4 h5 h6")
_WIDEST = 60
"""Columns beyond this are a bomb, not a table."""


def grid_text(table: Element) -> str:
    """Rows of a table between pipes, the header first; one column alone reads as a list."""
    rows = [row for row in _rows(table) if any(row)]
    width = max((len(row) for row in rows), default=0)
    caption = "".join(
        f"{cell_text(element)}\n\n" for element in table.iterchildren("caption")
    ).lstrip("\n")
    if width == 0:
        return caption.strip()
    if width == 1:
        return caption + "\n".join(f"- {row[0]}" for row in rows)
    lines = ["| " + " | ".join(_padded(row, width)) + " |" for row in rows]
    return caption + "\n".join([lines[0], "|" + "---|" * width, *lines[1:]])


def _padded(row: list[str], width: int) -> list[str]:
    cells = [cell.replace("|", "\\|") for cell in row]
    return cells + [""] * (width - len(cells))


def _rows(table: Element) -> list[list[str]]:
    """Cells by row; one over several rows stands in each, over several columns in the first."""
    rows: list[list[str]] = []
    held: dict[int, tuple[int, str]] = {}
    for row in table.iter("tr"):
        cells: list[str] = []
        for cell in row.iterchildren("td", "th"):
            _take_held(cells, held)
            text, across, down = cell_text(cell), _span(cell, "colspan"), _span(cell, "rowspan")
            for offset in range(min(across, _WIDEST - len(cells))):
                if down > 1:
                    held[len(cells)] = (down - 1, text if offset == 0 else "")
                cells.append(text if offset == 0 else "")
        _take_held(cells, held)
        rows.append(cells)
    return rows


def _take_held(cells: list[str], held: dict[int, tuple[int, str]]) -> None:
    while len(cells) in held:
        column = len(cells)
        left, text = held.pop(column)
        if left > 1:
            held[column] = (left - 1, text)
        cells.append(text)
        if len(cells) >= _WIDEST:
            return


def _span(cell: Element, name: str) -> int:
    value = cell.get(name, "1")
    return max(1, min(int(value), 1000)) if value.isdecimal() and len(value) < 9 else 1


def cell_text(cell: Element) -> str:
    """The cell's text on one line; blocks inside are set apart by a space."""
    if len(cell) == 0:
        return " ".join(seen(cell.text or "").split())
    pieces = [cell.text or ""]
    for element in cell.iterdescendants():
        gap = " " if element.tag in _BREAKS else ""
        pieces += [gap, element.text or ""]
        if len(element) == 0:
            pieces += [gap, element.tail or ""]
            _close(element, cell, pieces)
    return " ".join(seen("".join(pieces)).split())


def _close(element: Element, cell: Element, pieces: list[str]) -> None:
    """After a last child come the tails of the elements that end with it."""
    while element.getnext() is None:
        element = element.getparent()
        if element is cell:
            return
        pieces += [" " if element.tag in _BREAKS else "", element.tail or ""]
