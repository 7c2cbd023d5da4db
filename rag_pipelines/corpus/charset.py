"""Bytes of a page in, text out: which charset it is in.

Knows byte-order marks, HTTP and meta declarations and what to do where they lie. Does not parse.
The order is the HTML standard's: https://html.spec.whatwg.org/multipage/parsing.html#determining-the-character-encoding
"""

import codecs
import re
from collections.abc import Iterator

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
# What browsers read where a page says the narrower name.
_WIDENED = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
}
# Codecs of Python that are no charsets: some are quadratic, one hides markup.
_REFUSED = {
    "utf-7",
    "unicode_escape",
    "raw_unicode_escape",
    "punycode",
    "idna",
    "undefined",
    "mbcs",
    "oem",
}
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")


def decode(body: bytes, charset: str | None = None) -> str:
    """The page's text without NULs, control characters and lone surrogates.

    `charset` is what the HTTP header declared. A declaration that the bytes contradict loses to
    the next one; UTF-8 with a few broken bytes stays UTF-8.
    """
    for mark, name in _MARKS:
        if body.startswith(mark):
            return _clean(body[len(mark) :].decode(name, "replace"))
    for name in dict.fromkeys(_candidates(body, charset)):
        text = _decoded(body, name)
        if text is not None:
            return _clean(text)
    return _clean(body.decode("utf-8", "replace"))


def _candidates(body: bytes, charset: str | None) -> Iterator[str]:
    declared = [charset] if charset else []
    declared += [match.decode("ascii", "ignore") for match in _DECLARED.findall(body[:4096])[:3]]
    for label in declared:
        name = _known(label)
        # A page whose declaration can be read as ASCII is not in UTF-16, whatever its meta says.
        if name and not (name.startswith(("utf-16", "utf-32")) and label != charset):
            yield name
    yield from ("utf-8", "cp1252")


def _known(label: str) -> str | None:
    try:
        name = codecs.lookup(label.strip("\"' ")).name
    except (LookupError, ValueError):
        return None
    return None if name in _REFUSED else _WIDENED.get(name, name)


def _decoded(body: bytes, name: str) -> str | None:
    try:
        return body.decode(name)
    except UnicodeDecodeError:
        return _nearly_utf8(body) if name == "utf-8" else None
    except LookupError:
        return None


def _nearly_utf8(body: bytes) -> str | None:
    """UTF-8 cut in the middle of a character, or with a stray byte, is still UTF-8."""
    text = body.decode("utf-8", "replace")
    wide = sum(1 for character in text if character > "\x7f")
    return text if text.count("\ufffd") * 10 <= wide else None


def _clean(text: str) -> str:
    return _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n").replace("\x0c", "\n"))
