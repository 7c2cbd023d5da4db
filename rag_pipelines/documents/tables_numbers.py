"""Figures as tables print them: thousands apart by comma, point or space, units around them."""

import re

_MINUS = "-\u2212\u2013"
_MISSING = frozenset(
    {*_MINUS, "\u2014", "--", "---", ".", "..", "...", ":", "*"}
    | {"n/a", "N/A", "n.a.", "na", "NA", "x"}
)
_FIGURE = re.compile(
    rf"\(?(?P<before>[^{_MINUS}+\d\s.,()]{{0,4}})\s*\(?(?P<sign>[{_MINUS}+]?)\s*"
    r"(?P<digits>\d[\d.,'\s\u2009]*)\)?\s*(?P<after>%|[^\W\d_]{0,4}[²³]?|€|£|\$)\)?\s*\*{0,2}"
)

_YEAR = re.compile(r"(?:18|19|20|21)\d\d(?:\s*[-/\u2013]\s*\d{2,4})?\*?")
_BRACKETED = re.compile(r"[^\d()]{0,4}\([^()]*\d[^()]*\)[^\d()]{0,5}")
_MONEY = re.compile(
    r"[€$£¥]|\b(?:EUR|USD|GBP|CHF|JPY)\b|\b(?:euro|dollar|pound)s?\b", re.IGNORECASE
)
_NOTED = re.compile(r"\([A-Z]{1,3}\)")
"""Letters that stand for a missing figure and are told in a note."""
_ROUND = re.compile(r"10{1,2}(?:[., ]?000)*")
_THOUSANDS = re.compile(r"\(?['\u2019]?0{3}s?(?:\s\D*)?")
"""The unit of a column, as in `Persons (000)`."""
_NAME = re.compile(rf"[^\W\d_]+[{_MINUS}]\d")
"""Letters and a number that are one name, as in `EU-15`."""
_BEGINNING = re.compile(r"[^\d.,]*\d{1,3}")
_ENDED = re.compile(r"\d[.,]\d{1,2}\)?$|[%€)]$")
"""Decimals, as they end a figure; three digits may be thousands."""
_GROUP = re.compile(r"\d{3}(?!\d)(?![.,]\d{3}(?!\d))")
"""How the digits go on where thousands are apart by spaces."""


def number_of(text: str) -> float | None:
    """The value of a cell that is one figure, perhaps with its unit; none for anything else.

    Brackets around it say nothing of its sign here: what they mean, its column tells.
    """
    match = _FIGURE.fullmatch(text.strip())
    if match is None or len(text) > 40:
        return None
    value = _value(re.sub(r"[\s']", "", match["digits"]))
    return -value if value is not None and match["sign"] and match["sign"] in _MINUS else value


def are_figures(text: str) -> bool:
    """A figure, several of them in one cell, as in `12 (3.4%)`, or one with a remark."""
    if is_figure(text) or not text:
        return bool(text)
    first, *rest = text.split()
    return is_figure(first) and bool(rest) and (rest[0][0] == "(" or all(map(is_figure, rest)))


def is_round(text: str) -> bool:
    """Whether a text may be what a heading counts by, as in `Rate per 1,000`."""
    return bool(_ROUND.fullmatch(text)) or text in ("1,000", "1 000", "1.000", "1000")


def is_year(text: str) -> bool:
    """Whether a text is a year, or two of them that follow each other."""
    return bool(_YEAR.fullmatch(text))


def is_bracketed(text: str) -> bool:
    """Whether a figure stands in brackets, as a loss, an estimate or the size of a sample does."""
    return bool(_BRACKETED.fullmatch(text.strip()))


def is_money(text: str) -> bool:
    """Whether a text names a currency."""
    return bool(_MONEY.search(text))


def is_figure(text: str) -> bool:
    """A figure, or one of the signs that stand for a missing one."""
    if _THOUSANDS.fullmatch(text) or _NAME.match(text):
        return False
    return text in _MISSING or bool(_NOTED.fullmatch(text)) or number_of(text) is not None


def are_two_figures(left: str, right: str) -> bool:
    """Whether neighbouring words are figures of their own.

    Words with letters may be a label's, such as `Q2 2006`, and a comma lists what follows it.
    """
    return _stands_alone(left) and _stands_alone(right) and left[-1] not in ",;"


def may_be_one_figure(left: str, right: str) -> bool:
    """Whether the words may be groups of one figure's digits, as in `12 345`."""
    return bool(_BEGINNING.fullmatch(left) and _GROUP.match(right))


def is_whole_figure(left: str, right: str) -> bool:
    """Whether the first word ends a figure, or the second begins one: `12.5`, `7%`, `$3`."""
    return bool(_ENDED.search(left)) or right[0] in "$€£¥"


def _stands_alone(text: str) -> bool:
    lettered = text[0].isalpha() or text[-1].isalpha()
    return text in _MISSING or (is_figure(text) and not lettered)


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
