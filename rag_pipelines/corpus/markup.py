"""A page's HTML as a tree that holds only what a reader sees.

Knows how to parse and which elements and characters are hidden. Does not know what is main text.
"""

import re
from importlib import import_module
from typing import Any

Element = Any
"""An lxml element: lxml has no types."""

etree: Any = import_module("lxml.etree")
html: Any = import_module("lxml.html")


def words(text: str) -> frozenset[str]:
    """The words of a list that reads better as prose."""
    return frozenset(text.split())


# huge_tree lifts libxml2's nesting limit from 256 to 2,048; what is deeper is cut off.
_PARSER = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, huge_tree=True)
# One class for all elements: the default lookup calls Python for each of them.
_PARSER.set_element_class_lookup(
    etree.ElementDefaultClassLookup(element=html.HtmlElement, comment=html.HtmlComment)
)
_DROPPED = words(
    "script style template noscript svg canvas iframe object embed applet audio video map "
    "head select button input textarea datalist option dialog frame frameset noframes "
    "marquee"
)
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:font-size|opacity)\s*:\s*0*\.?0+(?:[a-z%]+)?\s*(?:!|;|$)"
    r"|(?:text-indent|left|top)\s*:\s*-\d{4,}",
    re.IGNORECASE,
)
_MAY_HIDE = etree.XPath("//*[@hidden or @aria-hidden='true' or @style]")
# Soft hyphen, zero-width and bidi controls, interlinear marks, tags, variation selectors beyond
# emoji, and private use: none is seen, and all can carry a message.
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0e\ufeff"
    "\uffa0\ufff0-\ufffc\ufffe\uffff\ue000-\uf8ff\U0001d173-\U0001d17a\U000e0000-\U000e0fff\U000f0000-\U0010ffff\ud800-\udfff]"
)


def seen(text: str) -> str:
    """The text without characters that no reader sees."""
    return text if text.isascii() else _UNSEEN.sub("", text)


def parsed(page: str) -> Element | None:
    """The page's tree, or none where there is no element in it.

    Raises `MemoryError` where the page needs more than there is; lxml calls that bad syntax.
    """
    try:
        root = html.document_fromstring(page.encode("utf-8", "replace"), parser=_PARSER)
    except etree.ParserError:
        return None
    except etree.XMLSyntaxError as error:
        if error.code == etree.ErrorTypes.ERR_NO_MEMORY:
            raise MemoryError("the page's tree does not fit") from error
        return None
    return root if isinstance(root.tag, str) else None


def drop_unseen(root: Element) -> None:
    """Take out, in place, what is not shown: scripts, controls and hidden elements."""
    etree.strip_elements(root, *_DROPPED, with_tail=False)
    for element in _MAY_HIDE(root):
        if element.tag not in ("html", "body", "main") and _is_hidden(element):
            _drop(element)


def _is_hidden(element: Element) -> bool:
    if element.get("hidden") is not None or element.get("aria-hidden") == "true":
        return True
    return _HIDING.search(element.get("style", "")) is not None


def _drop(element: Element) -> None:
    if element.getparent() is not None:
        element.drop_tree()
