"""What a passage is embedded with besides its text: the page's title and the headings above it.

Clips both so that the text keeps at least half of the tokens. Does not cut text.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_pipelines.inference.protocols import Tokenizer

SEPARATOR = " > "


@dataclass(frozen=True, slots=True)
class Header:
    """A heading path as written, the names that stand in it or the title whole, and all tokens."""

    heading: str
    names: frozenset[str]
    tokens: int


class Headers:
    """The headers of one page's passages, each made once."""

    def __init__(self, title: str, tokenizer: Tokenizer, limit: int) -> None:
        self._tokenizer = tokenizer
        self._share = limit // 4
        folded = " ".join(title.split())
        self.title = self._clipped(folded)
        self._whole_title = folded if folded == self.title else ""
        self._title_tokens = self._count(self.title)
        self._known: dict[tuple[tuple[str, ...], str], Header] = {}

    def of(self, path: tuple[str, ...], lead: str) -> Header:
        """The header under a path of headings, with a cut table's header where it needs one."""
        key = (path, lead)
        header = self._known.get(key)
        if header is None:
            header = self._known[key] = self._made([*path, *([lead] if lead else [])])
        return header

    def _made(self, names: Sequence[str]) -> Header:
        """The title is not repeated, and of a long path the outer headings go first."""
        kept = [name for name in names if name and name != self._whole_title]
        while len(kept) > 1 and self._count(SEPARATOR.join(kept)) > self._share:
            kept = kept[1:]
        heading = SEPARATOR.join(kept)
        clipped = self._clipped(heading)
        whole = kept if clipped == heading else []
        tokens = self._title_tokens + self._count(clipped)
        return Header(clipped, frozenset({*whole, self._whole_title} - {""}), tokens)

    def _clipped(self, text: str) -> str:
        text = text[: self._share * 40]
        spans = self._tokenizer.offsets(text)
        if len(spans) <= self._share:
            return text
        # A word cut in two may come to more tokens than it had: drop whole tokens until it fits.
        for kept in range(self._share, 0, -1):
            clipped = text[: spans[kept - 1][1]].rstrip()
            if self._count(clipped) <= self._share:
                return clipped
        return ""

    def _count(self, text: str) -> int:
        return self._tokenizer.count([text])[0] if text else 0
