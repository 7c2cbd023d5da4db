"""Figures as tables print them: thousands apart by comma, point or space, units around them."""

import re

_MINUS = "-\u2212\u2013"
_MISSING = frozenset({*_MINUS, "\u2014", "--", "---", ".", "..", "...", ":", "*", "n/a", "N/A", "n.a.", "na", "x"})
_FIGURE = re.compile(
    rf"\(?(?P<before>[^{_MINUS}+\d\s.,()]{{0,4}})\s*\(?(?P<sign>[{_MINUS}+]?)\s*"
    r"(?P<digits>\d[\d.,'\s\u2009]*)\)?\s*(?P<after>%|[^\W\d_]{0,4}[²³]?|€|£|\$)\s*\*{0,2}"
)

_NOTED = re.compile(r"\([A-Z]{1,3}\)")
"""Letters that stand for a missing figure and are told in a note."""
_GROUP = re.compile(r"\d{3}(?!\d)(?![.,]\d{3}(?!\d))")
"""How the digits go on where thousands are apart by spaces."""


def number_of(text: str) -> float | None:
    """The value of a cell that is one figure, perhaps with its unit; none for anything else."""
    match = _FIGURE.fullmatch(text.strip())
    if match is None or len(text) > 40:
        return None
    value = _value(re.sub(r"[\s']", "", match["digits"]))
    return -value if value is not None and match["sign"] and match["sign"] in _MINUS else value


def is_figure(text: str) -> bool:
    """A figure, or one of the signs that stand for a missing one."""
    return text in _MISSING or bool(_NOTED.fullmatch(text)) or number_of(text) is not None


def are_two_figures(left: str, right: str) -> bool:
    """Whether neighbouring words are figures of their own, not groups of one figure's digits.

    With letters they may be words of a label, such as `Q2 2006`.
    """
    lettered = any(one[0].isalpha() or one[-1].isalpha() for one in (left, right))
    if lettered or not (is_figure(left) and is_figure(right)):
        return False
    return not (left[-1].isdigit() and _GROUP.match(right))


def unit_of(text: str) -> str:
    """What stands around the figure: `%`, `€`, `kg`; empty where nothing does."""
    match = _FIGURE.fullmatch(text.strip())
    return (match["before"] or match["after"]).strip() if match else ""


def _value(digits: str) -> float | None:
    digits = digits.rstrip(".,")
    comma, point = digits.rfind(","), digits.rfind(".")
    if comma >= 0 and point >= 0:
        thousands = "," if comma < point else "."
    elif re.fullmatch(r"\d{1,3}(,\d{3})+", digits):
        thousands = ","
    else:
        thousands = "." if digits.count(".") > 1 else ""
    plain = (digits.replace(thousands, "") if thousands else digits).replace(",", ".")
    try:
        return float(plain)
    except ValueError:
        return None
