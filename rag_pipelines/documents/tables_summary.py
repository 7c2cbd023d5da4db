"""A paragraph that says what a table holds, without a model: columns, rows, ranges, units."""

import re
from collections.abc import Sequence

from rag_pipelines.documents.tables_headers import column_names
from rag_pipelines.documents.tables_numbers import is_bracketed, is_money, number_of, unit_of

_MOSTLY = 0.6
_COLUMNS = 12
_NAMES = 8
_UNIT = re.compile(r"[(\[]\s*([^()\[\]]{1,20})\s*[)\]]")


def summary_of(rows: Sequence[Sequence[str]], headers: int, caption: str = "") -> str:
    """One paragraph: the caption, the size, the columns' names, ranges of those with figures."""
    names = column_names(rows, headers)
    body = rows[headers:]
    said = [f"{caption.rstrip('.')}." if caption else "A table without a caption."]
    said.append(f"{_count(len(body), 'row')} and {_count(len(names), 'column')}.")
    if any(names):
        shown = ", ".join(name for name in names[:_COLUMNS] if name)
        said.append(f"Columns: {shown}{', …' if len(names) > _COLUMNS else ''}.")
    if first := _first_column(body):
        said.append(f"Rows: {first}.")
    texts = [[row[c] for row in body] for c in range(len(names))]
    ranges = [_range(name, texts[c], is_money(caption)) for c, name in enumerate(names)]
    said += [text for text in ranges[:_COLUMNS] if text]
    return " ".join(said)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _first_column(body: Sequence[Sequence[str]]) -> str:
    names = list(dict.fromkeys(row[0] for row in body if row and row[0]))
    if not names or sum(number_of(name) is not None for name in names) > len(names) / 2:
        return ""
    shown = ", ".join(name[:60] for name in names[:_NAMES])
    return shown + (", …" if len(names) > _NAMES else "")


def _range(name: str, texts: Sequence[str], money: bool) -> str:
    """What the column's figures lie between; nothing where that is not certain."""
    filled = [text for text in texts if text]
    figures = [(value, text) for text in filled if (value := number_of(text)) is not None]
    if not name or not figures or len(figures) < _MOSTLY * len(filled):
        return ""
    money = money or is_money(name) or any(is_money(text) for _, text in figures)
    figures = _signed(figures, money)
    if not figures:
        return ""
    low, high = min(figures), max(figures)
    unit = _unit(name, [text for _, text in figures])
    unit = "" if unit and (unit in low[1] or unit in name) else f" {unit}" if unit else ""
    if low[0] == high[0]:
        return f"{name}: {low[1]}{unit}."
    return f"{name}: from {low[1]} to {high[1]}{unit}."


def _signed(figures: list[tuple[float, str]], money: bool) -> list[tuple[float, str]]:
    """The figures with the sign that brackets give them; none where nobody can tell.

    Where all stand in brackets they are sizes of samples or the like. Where some do they are
    losses if the column is of money; in other columns they may be estimates as well.
    """
    bracketed = [is_bracketed(text) for _, text in figures]
    if all(bracketed) or not any(bracketed):
        return figures
    if not money:
        return []
    return [
        (-value if b else value, text) for (value, text), b in zip(figures, bracketed, strict=True)
    ]


def _unit(name: str, texts: Sequence[str]) -> str:
    units = {unit for text in texts if (unit := unit_of(text))}
    if len(units) == 1:
        return units.pop()
    match = _UNIT.search(name)
    return match[1] if match else ""
