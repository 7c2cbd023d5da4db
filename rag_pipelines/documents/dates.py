"""Calendar dates that a text tells, in any of seven languages or in figures.

Knows how dates are written. A date without a year is none, and neither is one that could be read
in two ways, as 03/04/2024.
"""

import re
from collections.abc import Iterator
from datetime import date

_MONTHS = (
    "january february march april may june july august september october november december",
    "jan feb mar apr may jun jul aug sep oct nov dec",
    "jan feb mar apr may jun jul aug sept oct nov dec",
    "januar februar märz april mai juni juli august september oktober november dezember",
    "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
    "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
    "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    "januari februari maart april mei juni juli augustus september oktober november december",
)
_NUMBERS = {name: at for line in _MONTHS for at, name in enumerate(line.split(), 1)}
_NAMED = "|".join(sorted(_NUMBERS, key=len, reverse=True))
_YEAR = r"(?P<year>1\d{3}|20\d{2})(?!\d)"
_DAY = r"(?P<day>\d{1,2})"
_MONTH = rf"(?P<month>{_NAMED})\b\.?"
_OF = r"\s+(?:of\s+|de\s+|del\s+)?"
_WRITTEN = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?<![\d-]){_YEAR}-(?P<month>\d\d)-{_DAY}(?![\d-])",
        rf"(?<![\d.]){_DAY}\.\s?(?P<month>\d{{1,2}})\.\s?{_YEAR}(?!\.\d)",
        rf"(?<!\d){_DAY}(?:st|nd|rd|th|er|\.|º)?{_OF}{_MONTH},?{_OF}{_YEAR}",
        rf"\b{_MONTH}\s+{_DAY}(?:st|nd|rd|th)?,?\s+{_YEAR}",
        rf"\b{_MONTH},?{_OF}{_YEAR}",
        rf"(?<!\d){_YEAR}\s?年\s?(?P<month>\d{{1,2}})\s?月(?:\s?{_DAY}\s?日)?",
    )
)


def dates_in(text: str) -> list[str]:
    """ISO dates, each with its month and its year, so that a filter finds what lies in either.

    `12 March 2024` gives `2024`, `2024-03` and `2024-03-12`.
    """
    found: set[str] = set()
    for pattern in _WRITTEN:
        for match in pattern.finditer(text):
            found.update(_parts(match.groupdict()))
    return sorted(found)


def _parts(told: dict[str, str | None]) -> Iterator[str]:
    year, name, day = told["year"] or "", (told["month"] or "").lower(), told.get("day")
    month = int(name) if name.isdecimal() else _NUMBERS[name]
    try:
        whole = date(int(year), month, int(day or 1)).isoformat()
    except ValueError:
        return
    yield year
    yield whole[:7]
    if day:
        yield whole
