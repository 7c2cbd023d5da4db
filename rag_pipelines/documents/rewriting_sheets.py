"""A workbook whose cells hold what they show, as text. Runs in the worker.

Unstructured reads through pandas, which makes 7 to 7.0 where another cell of the column is 7.5,
and a day to midnight.
"""

import re
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

KEEPER = "\u2060"
"""Before each cell's text, so that nobody takes it for a number again; taken away afterwards."""
_DECIMALS = re.compile(r"\.(0+)")


def rewritten_sheets(path: Path, copy: Path) -> Path:
    """The copy, every value where it was; formulas have the values that were last computed."""
    import openpyxl

    made = openpyxl.Workbook(write_only=True)
    with path.open("rb") as file:  # by its name openpyxl refuses a file without an ending
        book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        for sheet in book.worksheets:
            sheet.reset_dimensions()
            target = made.create_sheet(sheet.title)
            for row in sheet.iter_rows():
                target.append([_shown(cell) for cell in row])
        made.save(copy)
    return copy


def _shown(cell: Any) -> str | None:
    value = cell.value
    if value is None or value == "":
        return None
    return f"{KEEPER}{_text(value, str(cell.number_format or ''))}"


def _text(value: Any, form: str) -> str:
    match value:
        case bool():
            return str(value).upper()
        case int() | float() if "%" in form:
            decimals = _DECIMALS.search(form)
            return f"{value * 100:.{len(decimals[1]) if decimals else 0}f}%"
        case float():
            return f"{value:.15g}"
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ", "minutes" if not value.second else "seconds")
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)
