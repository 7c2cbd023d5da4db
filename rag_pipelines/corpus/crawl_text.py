"""A page that is plain text or Markdown already.

It is taken as it stands, so there is nothing for a hostile page to strike at.
"""

import re

from rag_pipelines.corpus.charset import decode
from rag_pipelines.corpus.extract import Extracted
from rag_pipelines.corpus.urls import path_of

_HEADING = re.compile(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", re.MULTILINE)
_TITLE_LENGTH = 120


def read_text(body: bytes, url: str, charset: str | None) -> Extracted:
    """The text with its first heading as title, or its first line, or its file's name."""
    text = decode(body, charset).strip()
    heading = _HEADING.search(text)
    first = heading[1] if heading else text.partition("\n")[0].strip()
    if not first or len(first) > _TITLE_LENGTH:
        first = path_of(url).rstrip("/").rpartition("/")[2]
    return Extracted(first, text)
