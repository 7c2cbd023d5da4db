"""Which licence an installed package says it comes under.

Read from what states it: the SPDX expression, else the licence's title and the classifiers. A
licence that a long text only mentions is not the package's own.
"""

import re
from collections.abc import Iterator, Sequence
from importlib.metadata import Distribution
from typing import Literal

Kind = Literal["agpl", "gpl", "other", "unknown"]

_AGPL = re.compile(r"\bAGPL|\bAFFERO\b", re.IGNORECASE)
_GPL = re.compile(r"\bGPL|(?<!LESSER )(?<!LIBRARY )GENERAL PUBLIC LICEN[CS]E", re.IGNORECASE)
_EXCEPTION = re.compile(r"\s+WITH\s+[\w.-]+", re.IGNORECASE)
_WORD = re.compile(r"[\w.+-]+")
_NOTHING = ("", "UNKNOWN")


def kind_of(package: Distribution) -> Kind:
    """`gpl` and `agpl` where one cannot choose another; LGPL and all the rest are `other`."""
    expression = package.metadata.get("License-Expression") or ""
    if expression:
        return _of_expression(expression)
    stated = list(_stated(package))
    if any(map(_AGPL.search, stated)):
        return "agpl"
    if any(map(_GPL.search, stated)):
        return "gpl"
    return "other" if stated else "unknown"


def _stated(package: Distribution) -> Iterator[str]:
    """The first line of the licence that the metadata hold, and the classifiers."""
    lines = (package.metadata.get("License") or "").strip().splitlines()
    if lines and lines[0].strip() not in _NOTHING:
        yield lines[0]
    for classifier in package.metadata.get_all("Classifier") or ():
        if classifier.startswith("License ::"):
            yield classifier.rpartition(":: ")[2]


def _of_expression(expression: str) -> Kind:
    if _may_be_chosen(expression, barred=(_AGPL, _GPL)):
        return "other"
    return "gpl" if _may_be_chosen(expression, barred=(_AGPL,)) else "agpl"


def _may_be_chosen(expression: str, barred: Sequence[re.Pattern[str]]) -> bool:
    """Whether the expression's ORs leave a way around what is barred."""

    def told(match: re.Match[str]) -> str:
        if match[0].upper() in ("AND", "OR"):
            return match[0].lower()
        return str(not any(pattern.match(match[0]) for pattern in barred))

    return bool(eval(_WORD.sub(told, _EXCEPTION.sub("", expression)), {}))
